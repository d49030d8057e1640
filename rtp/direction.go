package rtp

// Direction of media in the words of SDP, from our side (RFC 3264 section 5.1).
type Direction uint8

// The directions.
const (
	SendRecv Direction = iota
	SendOnly
	RecvOnly
	Inactive
)

// String is the attribute of SDP.
func (d Direction) String() string {
	switch d {
	case SendRecv:
		return "sendrecv"
	case SendOnly:
		return "sendonly"
	case RecvOnly:
		return "recvonly"
	case Inactive:
		return "inactive"
	}
	return "inactive"
}

// Sends reports whether we may send.
func (d Direction) Sends() bool { return d == SendRecv || d == SendOnly }

// Receives reports whether the far side may send.
func (d Direction) Receives() bool { return d == SendRecv || d == RecvOnly }

// Answer is the direction, from our side, of an answer to an offer of direction d when we ourselves wish for wish: what
// they want to send we may receive, and the other way round (RFC 3264 section 6.1).
func (d Direction) Answer(wish Direction) Direction {
	return directionOf(d.Receives() && wish.Sends(), d.Sends() && wish.Receives())
}

func directionOf(sends, receives bool) Direction {
	switch {
	case sends && receives:
		return SendRecv
	case sends:
		return SendOnly
	case receives:
		return RecvOnly
	}
	return Inactive
}

// directionNamed reads the attribute of SDP.
func directionNamed(name string) (d Direction, ok bool) {
	for _, d := range [...]Direction{SendRecv, SendOnly, RecvOnly, Inactive} {
		if d.String() == name {
			return d, true
		}
	}
	return SendRecv, false
}
