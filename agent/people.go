package agent

// people are the agents' profiles. They are replaced as a whole, and never change.
type people struct {
	profiles            map[string]Profile
	byExtension, byUser map[string]string
}

func newPeople(profiles []Profile) *people {
	all := &people{profiles: make(map[string]Profile, len(profiles)), byExtension: make(map[string]string), byUser: make(map[string]string)}
	for _, p := range profiles {
		all.profiles[p.ID] = p
		all.byExtension[p.Extension] = p.ID
		if p.Salesforce != "" {
			all.byUser[p.Salesforce] = p.ID
		}
	}
	return all
}

func (all *people) find(who string) (Profile, bool) {
	if p, ok := all.profiles[who]; ok {
		return p, true
	}
	p, ok := all.profiles[all.byExtension[who]]
	return p, ok
}

func (all *people) bySalesforceUser(user string) (Profile, bool) {
	if id, ok := all.byUser[user]; ok {
		p, ok := all.profiles[id]
		return p, ok
	}
	const short = 15 // the case-sensitive form; the other three characters are a checksum of it
	for known, id := range all.byUser {
		if len(user) >= short && len(known) >= short && known[:short] == user[:short] {
			p, ok := all.profiles[id]
			return p, ok
		}
	}
	return Profile{}, false
}
