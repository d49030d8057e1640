package sfsim

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// assertion signs a JWT by hand, so that it can be wrong in every way.
func assertion(t *testing.T, key *rsa.PrivateKey, header string, claims map[string]any) string {
	t.Helper()
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(text)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func TestJWTBearerAcceptsWhatRealClientsSend(t *testing.T) {
	c := newClient(t, Options{})
	key, _ := testKey(t)
	c.org.Trust("consumer", DemoUsername, &key.PublicKey)
	soon := time.Now().Add(3 * time.Minute).Unix()
	for name, claims := range map[string]map[string]any{
		"plain":                       {"aud": "https://login.salesforce.com", "exp": soon},
		"sandbox":                     {"aud": "https://test.salesforce.com", "exp": soon},
		"exp in milliseconds":         {"aud": "https://login.salesforce.com", "exp": time.Now().UnixMilli() + 300},
		"exp as text":                 {"aud": "https://login.salesforce.com", "exp": fmt.Sprint(soon)},
		"own address with a slash":    {"aud": c.at + "/", "exp": soon},
		"own address":                 {"aud": c.at, "exp": soon},
		"clock three minutes ahead":   {"aud": "https://login.salesforce.com", "exp": time.Now().Add(-2 * time.Minute).Unix()},
		"prn, the older name, wins":   {"aud": "https://login.salesforce.com", "exp": soon, "prn": DemoUsername, "sub": "somebody"},
		"audience as a list":          {"aud": []string{"https://login.salesforce.com"}, "exp": soon},
		"with an id against a replay": {"aud": "https://login.salesforce.com", "exp": soon, "jti": "1"},
	} {
		claims["iss"] = "consumer"
		if claims["sub"] == nil {
			claims["sub"] = DemoUsername
		}
		status, body := c.form("/services/oauth2/token", url.Values{
			"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion(t, key, `{"alg":"RS256"}`, claims)},
		})
		if status != http.StatusOK {
			t.Errorf("%s: %d %s", name, status, body)
			continue
		}
		for _, member := range []string{`"instance_url":"` + c.at + `"`, `"token_type":"Bearer"`, `"id":"` + c.at + `/id/00D`, `"scope"`} {
			if !strings.Contains(body, member) {
				t.Errorf("%s: no %s in %s", name, member, body)
			}
		}
		if strings.Contains(body, "expires_in") || strings.Contains(body, "refresh_token") || strings.Contains(body, "signature") {
			t.Errorf("%s: the answer has more than a real one: %s", name, body)
		}
	}
}

func TestTheTokenEndpointRefusesInSalesforcesWords(t *testing.T) {
	c := newClient(t, Options{})
	key, _ := testKey(t)
	stranger, _ := testKey(t)
	c.org.Trust("consumer", DemoUsername, &key.PublicKey)
	c.org.Trust("consumer", "asleep@cordboard.demo", &key.PublicKey)
	c.org.TrustSecret("half", "s", "")
	for _, u := range c.org.Records("User") {
		if u["Username"] == "asleep@cordboard.demo" {
			c.want(http.MethodPatch, "sobjects/User/"+u["Id"].(string), `{"IsActive":false}`, http.StatusNoContent)
		}
	}
	now := time.Now()
	good := map[string]any{"iss": "consumer", "sub": DemoUsername, "aud": "https://login.salesforce.com", "exp": now.Add(time.Minute).Unix()}
	with := func(name string, value any) map[string]any {
		m := map[string]any{}
		for k, v := range good {
			m[k] = v
		}
		m[name] = value
		return m
	}
	jwt := func(key *rsa.PrivateKey, header string, claims map[string]any) url.Values {
		return url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion(t, key, header, claims)}}
	}
	secret := func(id, s string) url.Values {
		return url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {s}}
	}
	rs := `{"alg":"RS256"}`
	for name, test := range map[string]struct {
		form              url.Values
		code, description string
	}{
		"not approved":      {jwt(key, rs, with("sub", "bo@cordboard.demo")), "invalid_grant", "user hasn't approved this consumer"},
		"audience":          {jwt(key, rs, with("aud", "https://example.com")), "invalid_grant", "audience is invalid"},
		"another's key":     {jwt(stranger, rs, good), "invalid_grant", "invalid assertion"},
		"alg none":          {jwt(key, `{"alg":"none"}`, good), "invalid_grant", "invalid assertion"},
		"alg HS256":         {jwt(key, `{"alg":"HS256"}`, good), "invalid_grant", "invalid assertion"},
		"expired":           {jwt(key, rs, with("exp", now.Add(-4*time.Minute).Unix())), "invalid_grant", "expired assertion"},
		"exp absent":        {jwt(key, rs, with("exp", nil)), "invalid_grant", "expired assertion"},
		"unknown consumer":  {jwt(key, rs, with("iss", "nobody")), "invalid_client_id", "client identifier invalid"},
		"inactive user":     {jwt(key, rs, with("sub", "asleep@cordboard.demo")), "inactive_user", "user is inactive"},
		"not a JWT":         {url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {"a.b"}}, "invalid_grant", "invalid assertion"},
		"wrong secret":      {secret(DemoClientID, "x"), "invalid_client", "invalid client credentials"},
		"unknown client":    {secret("nobody", "x"), "invalid_client_id", "client identifier invalid"},
		"no run-as user":    {secret("half", "s"), "invalid_grant", "no client credentials user enabled"},
		"app of a key only": {secret("consumer", ""), "invalid_client", "invalid client credentials"},
		"password grant":    {url.Values{"grant_type": {"password"}, "username": {"u"}}, "unsupported_grant_type", "grant type not supported"},
		"no grant":          {url.Values{}, "unsupported_grant_type", "grant type not supported"},
	} {
		status, body := c.form("/services/oauth2/token", test.form)
		want := fmt.Sprintf(`{"error":%q,"error_description":%q}`, test.code, test.description)
		if status != http.StatusBadRequest || body != want {
			t.Errorf("%s: %d %s, want 400 %s", name, status, body, want)
		}
		if c.last.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: the answer may be stored", name)
		}
	}
}

func TestClientCredentialsNeedTheOrgsOwnHost(t *testing.T) {
	c := newClient(t, Options{})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.at+"/services/oauth2/token",
		strings.NewReader("grant_type=client_credentials&client_id="+DemoClientID+"&client_secret=s3cret"))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "login.salesforce.com"
	if status, body := c.send(r); status != 400 || !strings.Contains(body, "request not supported on this domain") {
		t.Error(status, body)
	}
}

func TestASessionEndsByTimeByRevocationAndByFault(t *testing.T) {
	now := time.Now()
	c := newClient(t, Options{Now: func() time.Time { return now }, SessionLife: time.Hour})
	const ended = `[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]`
	expect := func(when string, status int) {
		t.Helper()
		if got, body := c.do(http.MethodGet, "limits", ""); got != status || status == 401 && body != ended {
			t.Errorf("%s: %d %s", when, got, body)
		}
	}
	expect("fresh", 200)
	now = now.Add(59 * time.Minute)
	expect("before its end", 200)
	now = now.Add(time.Minute)
	expect("at its end", 401)
	c.login()
	expect("after another login", 200)
	if status, _ := c.form("/services/oauth2/revoke", url.Values{"token": {c.token}}); status != 200 {
		t.Error("revoke:", status)
	}
	expect("revoked", 401)
	c.login()
	c.org.SetFaults(Fault{ExpireTokens: true})
	expect("ended by a fault", 401)
	c.login()
	expect("the fault falls once", 200)
}

func TestAMissingOrGarbledBearerIsAnotherError(t *testing.T) {
	c := newClient(t, Options{})
	for _, header := range []string{"", "Bearer", "Basic abc", "Nonsense"} {
		status, body := c.do(http.MethodGet, "limits", "", "Authorization", header)
		if status != 401 || body != `[{"message":"INVALID_HEADER_TYPE","errorCode":"INVALID_AUTH_HEADER"}]` {
			t.Errorf("%q: %d %s", header, status, body)
		}
	}
	if status, body := c.do(http.MethodGet, "limits", "", "Authorization", "OAuth "+c.token); status != 200 {
		t.Error("OAuth as scheme:", status, body)
	}
}

func TestIdentityUserinfoAndIntrospection(t *testing.T) {
	c := newClient(t, Options{})
	me := DemoUserID("gateway")
	c.want(http.MethodGet, "/id/"+c.org.id+"/"+me+"?format=json&oauth_token="+url.QueryEscape(c.token), "", 200, `"user_id":"`+me+`"`, `"username":"`+DemoUsername+`"`)
	c.want(http.MethodGet, "/id/"+c.org.id+"/"+DemoUserID("anna"), "", 403, "Bad_Id")
	c.want(http.MethodGet, "/services/oauth2/userinfo", "", 200, `"preferred_username":"`+DemoUsername+`"`, `"organization_id":"00D`)
	if _, body := c.form("/services/oauth2/introspect", url.Values{"token": {c.token}}); !strings.Contains(body, `"active":true`) {
		t.Error(body)
	}
	if strings.Contains(fmt.Sprint(c.org.Requests()), c.token) {
		t.Error("a token stands in the log of requests")
	}
	c.token = "gone"
	c.want(http.MethodGet, "/services/oauth2/userinfo", "", 403, "Bad_OAuth_Token")
}

func TestContentsMayBringTheirOwnApps(t *testing.T) {
	key, _ := testKey(t)
	text := publicPEM(t, &key.PublicKey)
	contents, err := ReadContents(strings.NewReader(`{"records":{"Contact":[{"LastName":"Only"}]},"apps":[{"client_id":"a","username":"u@x","client_secret":"s","public_key_pem":` + text + `}]}`))
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, org: nil}
	c.org, c.at = serve(t, Options{Contents: contents})
	if status, body := c.form("/services/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {"a"}, "client_secret": {"s"}}); status != 200 {
		t.Error(status, body)
	}
	if got := c.org.Records("Contact"); len(got) != 1 || got[0]["Name"] != "Only" {
		t.Error(got)
	}
	for _, bad := range []string{
		`{`, `{"recrods":{}}`, `{"records":{"Nothing":[]}}`, `{"records":{"Contact":[{"Nothing":1}]}}`, `{"records":{"Contact":[{"Id":"005Dn000000annaIAA"}]}}`,
		`{"records":{},"apps":[{"client_id":"a","username":"u","public_key_pem":"no PEM"}]}`, `{"records":{"Task":[{"CallDurationInSeconds":"long"}]}}`,
	} {
		if _, err := ReadContents(strings.NewReader(bad)); err == nil {
			t.Errorf("accepted: %s", bad)
		}
	}
}
