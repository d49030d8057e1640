package sfsim

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// The versions that the org speaks: v51 is what the sf command begins with [W], v67 is Summer '26.
const firstVersion, lastVersion = 51, 67

type apiVersion struct {
	Label   string `json:"label"`
	URL     string `json:"url"`
	Version string `json:"version"`
}

// versions answers GET /services/data. Three releases a year, Spring '21 was 51. [D]
func versions() []apiVersion {
	var list []apiVersion
	for v := firstVersion; v <= lastVersion; v++ {
		season := []string{"Spring", "Summer", "Winter"}[(v-firstVersion)%3]
		year := 21 + (v-firstVersion)/3
		if season == "Winter" {
			year++
		}
		number := strconv.Itoa(v) + ".0"
		list = append(list, apiVersion{fmt.Sprintf("%s '%d", season, year), "/services/data/v" + number, number})
	}
	return list
}

func knownVersion(text string) bool {
	number, isVersion := strings.CutPrefix(text, "v")
	number, isWhole := strings.CutSuffix(number, ".0")
	n, err := strconv.Atoi(number)
	return isVersion && isWhole && err == nil && n >= firstVersion && n <= lastVersion
}

// data routes what is under /services/data/vNN.0. Flows take their time, so they run without the lock; all else is one
// transaction under it.
func (o *Org) data(q *request) reply {
	if len(q.path) >= 1 && q.path[0] == "actions" {
		return o.actions(q)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.store.forget()
	return o.resource(q)
}

// resource answers one request or one part of a composite. The caller holds mu.
func (o *Org) resource(q *request) reply {
	if len(q.path) == 0 {
		return o.resources(q)
	}
	switch rest := q.path[1:]; q.path[0] {
	case "limits":
		return o.limits()
	case "sobjects":
		return o.sobjects(q, rest)
	case "query":
		return o.query(q, rest, false)
	case "queryAll":
		return o.query(q, rest, true)
	case "search":
		return o.search(q)
	case "parameterizedSearch":
		return o.parameterizedSearch(q)
	case "composite":
		return o.composite(q, rest)
	}
	return failed(errNotFound())
}

func (o *Org) resources(q *request) reply {
	at := "/services/data/" + q.version + "/"
	list := map[string]string{"identity": q.base + "/id/" + o.id + "/" + q.session.user}
	for _, name := range []string{"limits", "sobjects", "query", "queryAll", "search", "parameterizedSearch", "composite", "actions"} {
		list[name] = at + name
	}
	return ok(list)
}

type limitValue struct{ Max, Remaining int }

func (o *Org) limits() reply {
	limit, _ := o.faults.dailyLimit()
	if limit == 0 {
		limit = o.opt.DailyLimit
	}
	return ok(map[string]limitValue{
		"DailyApiRequests":              {limit, max(0, limit-o.usage.used)},
		"HourlyPublishedPlatformEvents": {50000, 50000},
		"DailyDeliveredPlatformEvents":  {10000, 10000},
		"DataStorageMB":                 {1024, 1024},
	})
}

// identity answers GET /id/{org}/{user}; the token may stand in the query. [W] jsforce
func (o *Org) identity(q *request, org, user string) reply {
	s, err := o.sessionForIdentity(q)
	if err != nil {
		return *err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	r := o.store.live(user)
	if r == nil || r.obj.Name != "User" || LongID(org) != o.id || s.user != r.id {
		return reply{status: http.StatusForbidden, raw: []byte("Bad_Id"), kind: "text/plain"} // [P]
	}
	return ok(o.person(r, q.base))
}

func (o *Org) userinfo(q *request) reply {
	s, err := o.sessionForIdentity(q)
	if err != nil {
		return *err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	r := o.store.live(s.user)
	if r == nil {
		return reply{status: http.StatusForbidden, raw: []byte("Bad_Id"), kind: "text/plain"}
	}
	p := o.person(r, q.base)
	p["sub"], p["name"], p["preferred_username"] = p["id"], p["display_name"], p["username"]
	p["given_name"], p["family_name"], p["zoneinfo"] = r.get("FirstName"), r.get("LastName"), r.get("TimeZoneSidKey")
	return ok(p)
}

func (o *Org) sessionForIdentity(q *request) (*session, *reply) {
	token := q.query.Get("oauth_token")
	if token != "" {
		q.header = http.Header{"Authorization": {"Bearer " + token}}
	}
	s, err := o.sessionOf(q)
	if err != nil {
		return nil, &reply{status: http.StatusForbidden, raw: []byte("Bad_OAuth_Token"), kind: "text/plain"} // [P]
	}
	return s, nil
}

func (o *Org) person(r *row, base string) map[string]any {
	data := base + "/services/data/v{version}/"
	return map[string]any{
		"id": base + "/id/" + o.id + "/" + r.id, "asserted_user": true, "user_id": r.id, "organization_id": o.id,
		"username": r.get("Username"), "nick_name": r.get("Alias"), "display_name": r.get("Name"), "email": r.get("Email"),
		"first_name": r.get("FirstName"), "last_name": r.get("LastName"), "timezone": r.get("TimeZoneSidKey"),
		"active": r.get("IsActive"), "user_type": "STANDARD", "language": r.get("LanguageLocaleKey"), "locale": r.get("LocaleSidKey"),
		"utcOffset": 7200000, "last_modified_date": r.get("LastModifiedDate"), "is_app_installed": true,
		"urls": map[string]string{
			"rest": data, "sobjects": data + "sobjects/", "search": data + "search/", "query": data + "query/",
			"recent": data + "recent/", "profile": base + "/" + r.id,
		},
	}
}

// introspect tells whether a token is alive. [K]
func (o *Org) introspect(token string) reply {
	s := o.sessionByToken(token)
	if s == nil {
		return ok(map[string]any{"active": false})
	}
	return ok(map[string]any{"active": true, "client_id": s.clientID, "token_type": "access_token", "exp": s.expires.Unix(), "iat": s.issued.Unix()})
}
