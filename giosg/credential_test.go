package giosg

import (
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/store"
)

// asApp is who an Authorization header of a trigger makes one.
func (o *company) asApp(t *testing.T, header string) reply {
	t.Helper()
	r := o.request(t, "", "GET /users/me", "")
	r.Header.Set("Authorization", header)
	return o.send(t, r)
}

// An app that was opened by a trigger speaks for whoever opened it, for ten
// minutes and with its own secret.
func TestTriggerCredential(t *testing.T) {
	everyTime(t, func(t *testing.T, o *company) {
		o.Apply(traders)
		setup := o.open(t, "kim", "kiosk", souk.OnSetup)
		token := setup.Get("token")
		call := func(header string) reply { return o.asApp(t, header) }
		if me := into[user](t, call("GIOSGAPP "+token+" "+kioskSecret), 200); me.ID != o.ID("users.kim") {
			t.Errorf("it is %+v", me)
		}
		into[user](t, call("giosgapp   "+token+"  "+kioskSecret), 200)
		parts := strings.Split(token, ".")
		var claims triggerToken
		if !readJWT(souktest.Key.TriggerTokens(), token, &claims) {
			t.Fatal("no token")
		}
		with := func(change func(*triggerToken)) string {
			changed := claims
			change(&changed)
			return signBy(t, jose.HS256, souktest.Key.TriggerTokens(), changed)
		}
		short, err := mintToken(souktest.Key, o.speaker(t), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		strange := souk.NewID()
		wide := append(souktest.Key.TriggerTokens(), souktest.Key.TriggerTokens()...)
		for name, header := range map[string]string{
			"alone":                    "GIOSGAPP",
			"one word":                 "GIOSGAPP " + token,
			"three words":              "GIOSGAPP " + token + " " + kioskSecret + " x",
			"the other way round":      "GIOSGAPP " + kioskSecret + " " + token,
			"wrong secret":             "GIOSGAPP " + token + " " + strings.Repeat("0", 40),
			"another app's secret":     "GIOSGAPP " + token + " " + boothSecret,
			"tampered with":            "GIOSGAPP " + parts[0] + "." + parts[1] + "A." + parts[2] + " " + kioskSecret,
			"another signature":        "GIOSGAPP " + parts[0] + "." + parts[1] + "." + strings.Repeat("A", 43) + " " + kioskSecret,
			"without a signature":      "GIOSGAPP eyJhbGciOiJub25lIn0." + parts[1] + ". " + kioskSecret,
			"by another rule":          "GIOSGAPP " + signBy(t, jose.HS512, wide, claims) + " " + kioskSecret,
			"signed with the secret":   "GIOSGAPP " + signBy(t, jose.HS256, []byte(kioskSecret), claims) + " " + kioskSecret,
			"the data":                 "GIOSGAPP " + setup.Get("data") + " " + kioskSecret,
			"a notification's token":   "GIOSGAPP " + short + " " + kioskSecret,
			"an API token":             "GIOSGAPP " + o.Token("sam") + " " + kioskSecret,
			"nobody's":                 "GIOSGAPP " + with(func(c *triggerToken) { c.User = nil }) + " " + kioskSecret,
			"a stranger's":             "GIOSGAPP " + with(func(c *triggerToken) { c.Installation = strange }) + " " + kioskSecret,
			"elsewhere":                "GIOSGAPP " + with(func(c *triggerToken) { c.Org = o.ID("orgs.solo") }) + " " + kioskSecret,
			"another's installation":   "GIOSGAPP " + with(func(c *triggerToken) { c.Installation = o.ID("installations.booth@shop") }) + " " + kioskSecret,
			"without an end":           "GIOSGAPP " + with(func(c *triggerToken) { c.Expires = 0 }) + " " + kioskSecret,
			"as Bearer":                "Bearer " + token,
			"as Token":                 "Token " + token,
			"a code for the app user":  "GIOSGAPP " + o.code(t) + " " + kioskSecret,
			"in lines of their own":    "GIOSGAPP " + token + "," + kioskSecret,
			"for the installer's home": "GIOSGAPP " + with(func(c *triggerToken) { c.Org = o.ID("orgs.mall") }) + " " + kioskSecret,
		} {
			if got := call(header); got.status != 401 || got.body != detailText("Invalid token.") || got.header.Get("WWW-Authenticate") != "Token" {
				t.Errorf("%s: %d %s", name, got.status, got.body)
			}
		}
		mine := "GIOSGAPP " + token + " " + kioskSecret
		operator := souk.Operator("test")
		invalid := func(name string, header string) {
			t.Helper()
			if got := call(header); got.status != 401 || got.body != detailText("Invalid token.") {
				t.Errorf("%s: %d %s", name, got.status, got.body)
			}
		}
		time.Sleep(triggerLife - 2*time.Second)
		into[user](t, call(mine), 200)
		time.Sleep(2 * time.Second)
		invalid("too late", mine)

		mine = "GIOSGAPP " + o.open(t, "kim", "kiosk", souk.OnSetup).Get("token") + " " + kioskSecret
		if err := o.Market.SuspendApp(t.Context(), operator, o.ID("apps.kiosk")); err != nil {
			t.Fatal(err)
		}
		invalid("while suspended", mine)
		if err := o.Market.ResumeApp(t.Context(), operator, o.ID("apps.kiosk")); err != nil {
			t.Fatal(err)
		}
		into[user](t, call(mine), 200)
		sams := "GIOSGAPP " + o.open(t, "sam", "kiosk", souk.OnSetup).Get("token") + " " + kioskSecret
		if err := o.Market.DeactivateUser(t.Context(), operator, o.ID("users.kim")); err != nil {
			t.Fatal(err)
		}
		invalid("after its user", mine)
		into[user](t, call(sams), 200)
		if err := o.Market.EndInstallation(t.Context(), o.As("sam"), o.ID("orgs.shop"), o.ID("installations.kiosk@shop")); err != nil {
			t.Fatal(err)
		}
		invalid("after the installation", sams)
	})
}

// An app is allowed no more than its installation was, nor than the person may.
func TestTriggerCredentialIsCapped(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		o.Apply(traders)
		as := func(who, app, secret string, c souk.Condition) func(string) reply {
			token := o.open(t, who, app, c).Get("token")
			return func(call string) reply {
				r := o.request(t, "", call, "")
				r.Header.Set("Authorization", "GIOSGAPP "+token+" "+secret)
				return o.send(t, r)
			}
		}
		const installations = "GET /orgs/{orgs.shop}/app_installations"
		sam, kim := as("sam", "kiosk", kioskSecret, souk.OnSetup), as("kim", "booth", boothSecret, souk.OnSetup)
		for who, call := range map[string]func(string) reply{"sam": sam, "kim": kim} {
			if got := call(installations); got.status != 200 {
				t.Errorf("%s: %d %s", who, got.status, got.body)
			}
		}
		if me := into[user](t, sam("GET /users/me"), 200); me.ID != o.ID("users.sam") || me.IsBot {
			t.Errorf("it is %+v", me)
		}
		taken := souk.Membership{User: o.ID("users.kim"), Org: o.ID("orgs.shop"), Role: souk.Member}
		if err := o.Market.PutMembership(t.Context(), souk.Operator("test"), taken); err != nil {
			t.Fatal(err)
		}
		if got := kim(installations); got.status != 403 {
			t.Errorf("what was taken from Kim meanwhile: %d %s", got.status, got.body)
		}
		gone := as("gone", "kiosk", kioskSecret, souk.OnNavigation)
		given := souk.Membership{User: o.ID("users.gone"), Org: o.ID("orgs.shop"), Role: souk.Member, Permissions: souk.Permissions}
		if err := o.Market.PutMembership(t.Context(), souk.Operator("test"), given); err != nil {
			t.Fatal(err)
		}
		if got := gone(installations); got.status != 403 {
			t.Errorf("what was given meanwhile: %d %s", got.status, got.body)
		}
	})
}

// Only conditions that an app has lead to its trigger URL.
func TestOnlyListedConditionsAreTold(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		o.Apply(traders)
		shop, operator := o.ID("orgs.shop"), souk.Operator("test")
		for _, c := range []souk.Condition{souk.OnInstall, souk.OnNavigation} {
			opening := market.Opening{App: o.ID("apps.booth"), At: shop, Condition: c}
			if address, err := o.Market.OpenTrigger(t.Context(), o.As("sam"), opening); err != souk.NoTrigger {
				t.Errorf("%s: %s, %v", c, address, err)
			}
		}
		for c, want := range map[souk.Condition]int{"chat_end": 1, "chat_start": 0} {
			told, err := o.Market.Trigger(t.Context(), operator, market.Triggering{Condition: c, Org: shop, User: o.ID("users.kim"), Chat: "c1"})
			if err != nil || len(told) != want {
				t.Errorf("%s: %+v, %v", c, told, err)
			}
		}
		for _, app := range []string{"kiosk", "booth"} {
			if err := o.Market.EndInstallation(t.Context(), o.As("sam"), shop, o.ID("installations."+app+"@shop")); err != nil {
				t.Fatal(err)
			}
		}
		if calls := o.calls(t, "booth"); len(calls) != 0 {
			t.Errorf("the booth is told %+v", calls)
		}
		calls := o.calls(t, "kiosk")
		if len(calls) != 2 || calls[0].Action != "uninstall" || calls[1].Action != "chat_end" {
			t.Fatalf("the kiosk is told %+v", calls)
		}
		prepared, err := PrepareTrigger(souktest.Key, base)(souk.Outgoing{
			Delivery: calls[0], Webhook: souk.Webhook{URL: "https://kiosk.example/t?mine=%7e1"},
			Credentials: souk.Credentials{GiosgSecret: kioskSecret}, At: time.Now(),
		})
		if err != nil || !strings.HasPrefix(prepared.URL, "https://kiosk.example/t?mine=%7e1&type=uninstall&data=") {
			t.Fatalf("asks %s: %v", prepared.URL, err)
		}
		if q := queryOf(t, prepared.URL); q.Has("token") || q.Has("redirect_uri") {
			t.Errorf("tells %v", q)
		}
	})
}

// calls are the calls of an app's trigger URL, newest first.
func (o *company) calls(t *testing.T, app string) []souk.Delivery {
	t.Helper()
	var calls []souk.Delivery
	if err := o.db.Read(t.Context(), func(tx *store.Tx) (err error) {
		calls, err = souktest.Told(tx, o.ID("apps."+app), "", souk.Page{Size: 100})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return calls
}
