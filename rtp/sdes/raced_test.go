//go:build race

package sdes

const raced = true
