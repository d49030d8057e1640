package configs

import "regexp"

// What values of several sections look like.
var (
	agentID      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$`)
	extension    = regexp.MustCompile(`^[0-9]{2,8}$`)
	prefix       = regexp.MustCompile(`^\+[1-9][0-9]{0,14}$`)
	number       = regexp.MustCompile(`^\+[1-9][0-9]{4,14}$`)
	twoLetters   = regexp.MustCompile(`^[A-Z]{2}$`)
	flowName     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,79}$`)
	apiVersion   = regexp.MustCompile(`^[1-9][0-9]\.0$`)
	placeholder  = regexp.MustCompile(`\{[^}]*\}?`)
	userID       = regexp.MustCompile(`^005([A-Za-z0-9]{12}|[A-Za-z0-9]{15})$`)
	passwordHash = regexp.MustCompile(`^\$(argon2id\$v=19\$.+|2[aby]\$[0-9]{2}\$.{53})$`)
	frameSource  = regexp.MustCompile(`^https?://(\*\.)?[A-Za-z0-9.-]+(:[0-9]{1,5}|:\*)?$`)
	environment  = regexp.MustCompile(`^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$`)
	host         = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$`)
)
