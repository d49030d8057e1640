#!/bin/bash
# Makes the built-in sounds again (Debian: espeak-ng sox; and Go for the music).
set -euo pipefail
cd "$(dirname "$0")"
t=$(mktemp -d)
trap 'rm -r "$t"' EXIT

say() { # name, words
	espeak-ng -v en-gb+f3 -s 160 -p 45 -g 1 -w "$t/$1.wav" "$2"
	sox -V1 -D -R "$t/$1.wav" -r 16000 -c 1 -b 16 -e signed-integer "$1.wav" highpass 120 gain -n -4 pad 0.1 0.2
}
say welcome "Welcome to Cordboard. Please hold the line, an agent will be with you shortly."
say sorry "We are sorry, nobody can take your call at the moment. Please try again later. Goodbye."

go run ../testdata/compose music.wav
