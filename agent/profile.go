package agent

import "github.com/cordboard/cordboard/call"

// Profile is what an agent is, apart from what she is doing.
type Profile struct {
	ID         string // "anna": in records, logs and the API
	Name       string
	Extension  string          // "1001": colleagues dial it
	Display    []DisplayNumber // numbers she may show when calling out; the first is the default
	Salesforce string          // Salesforce User id; empty: not mapped
	Start      Type            // availability when the gateway starts and nothing else is known
}

// DisplayNumber is a number an agent may show.
type DisplayNumber struct {
	Number call.Number
	Label  string
}

// Shows returns the display number to use: the one wished for if she may show it, else her default.
func (p Profile) Shows(wish call.Number) (call.Number, bool) {
	if wish == "" {
		if len(p.Display) == 0 {
			return "", true
		}
		return p.Display[0].Number, true
	}
	for _, d := range p.Display {
		if d.Number == wish {
			return wish, true
		}
	}
	return "", false
}

// Party is the agent as the other side sees her.
func (p Profile) Party() call.Party {
	return call.Party{Name: p.Name, Number: call.Number(p.Extension), Agent: p.ID}
}
