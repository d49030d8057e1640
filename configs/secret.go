package configs

// Secret is a password or a key. It may be written as it is, as "${NAME}" (an environment variable) or as "file:PATH" (the
// first line of a file); Load replaces the latter two by what they stand for. It never prints; convert it to string to use it.
type Secret string

const masked = "••••••"

// String hides the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return masked
}

// GoString hides it from %#v too.
func (s Secret) GoString() string { return `"` + s.String() + `"` }

// MarshalText hides it from JSON, YAML and logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
