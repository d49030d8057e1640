package access

// people are the users and their passwords. They are replaced as a whole, and never change.
type people struct {
	users      map[string]User   // by id
	extensions map[string]string // extension → id
	hashes     map[string]hash   // by id
}

// newPeople takes users that were checked.
func newPeople(users []User) *people {
	p := &people{
		users:      make(map[string]User, len(users)),
		extensions: make(map[string]string, len(users)),
		hashes:     make(map[string]hash, len(users)),
	}
	for _, u := range users {
		p.users[u.ID] = u
		if u.Extension != "" {
			p.extensions[u.Extension] = u.ID
		}
		if h, err := parseHash(u.PasswordHash); err == nil {
			p.hashes[u.ID] = h
		} else if u.Password != "" {
			p.hashes[u.ID] = plainHash(u.Password)
		}
	}
	return p
}

// aor is the id behind an id or an extension.
func (p *people) aor(user string) (id string, ok bool) {
	if _, ok := p.users[user]; ok {
		return user, true
	}
	id, ok = p.extensions[user]
	return id, ok
}
