// Package udp is plain RTP over UDP, towards trunks and desk phones: one pair of ports for life, a far side found by
// symmetric RTP, and RTCP beside it.
package udp
