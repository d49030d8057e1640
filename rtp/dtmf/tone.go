package dtmf

// Flash is the hook flash (event 16) as a character.
const Flash = '!'

// keys are the characters of the codes 0 to 16 (RFC 4733 section 3.2, table 3).
const keys = "0123456789*#ABCD!"

// Tone is the character of an event's code; false for an event that is no key.
func Tone(code uint8) (tone byte, ok bool) {
	if int(code) >= len(keys) {
		return 0, false
	}
	return keys[code], true
}

// Code is the event of a character; false for a character that is no key. Small letters are keys too.
func Code(tone byte) (code uint8, ok bool) {
	switch {
	case tone >= '0' && tone <= '9':
		return tone - '0', true
	case tone >= 'A' && tone <= 'D':
		return tone - 'A' + 12, true
	case tone >= 'a' && tone <= 'd':
		return tone - 'a' + 12, true
	case tone == '*':
		return 10, true
	case tone == '#':
		return 11, true
	case tone == Flash:
		return 16, true
	}
	return 0, false
}

// Clean keeps the keys of what somebody typed and drops everything else: "12-3 a" is "123A".
func Clean(typed string) string {
	tones := make([]byte, 0, len(typed))
	for i := range len(typed) {
		if code, ok := Code(typed[i]); ok {
			tones = append(tones, keys[code])
		}
	}
	return string(tones)
}
