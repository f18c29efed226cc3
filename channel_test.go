package souk_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"souk"
)

// somewhere is what an installation fills patterns in with.
var somewhere = souk.Filling{Org: souk.NewID(), AppUser: souk.NewID(), Owner: souk.NewID(), App: souk.NewID()}

// filled puts a filling's IDs where s has its placeholders.
func filled(s string, f souk.Filling) string {
	return strings.NewReplacer(
		"{organization_id}", f.Org.String(), "{user_id}", f.AppUser.String(),
		"{app_organization_id}", f.Owner.String(), "{app_id}", f.App.String(),
	).Replace(s)
}

func TestWhatMayBeSubscribedTo(t *testing.T) {
	id := souk.NewID().String()
	for pattern, want := range map[string]bool{
		"/api/v5/users/{user_id}/chats":                                          true,
		"/api/v5/users/{user_id}/chats/*/messages":                               true,
		"/api/v5/orgs/{organization_id}/installed_apps":                          true,
		"/api/v5/orgs/{organization_id}/owned_chats/*/messages":                  true,
		"/api/v5/orgs/{organization_id}/*":                                       true,
		"/api/v5/orgs/{organization_id}/*/*":                                     true,
		"/api/v5/orgs/{organization_id}/owned_apps/" + id + "/webhooks":          true,
		"/api/v5/orgs/{organization_id}/a.b~c-d_e:f@g":                           true,
		"/api/v5/orgs/{app_organization_id}/owned_apps/{app_id}/installations":   true,
		"/api/v5/orgs/{app_organization_id}/owned_apps/*/installations":          false,
		"/api/v5/orgs/{app_organization_id}/owned_apps/{app_id}/installations/*": false,
		"/api/v5/orgs/{app_organization_id}/owned_apps/{app_id}/webhooks":        false,
		"/api/v5/orgs/{app_organization_id}/users":                               false,
		"/api/v5/orgs/{organization_id}/owned_apps/{app_id}/webhooks":            false,
		"/api/v5/orgs/{organization_id}/users/{user_id}":                         false,
		"/api/v5/users/{organization_id}/chats":                                  false,
		"/api/v5/orgs/{user_id}/chats":                                           false,
		"/api/v5/orgs/" + id + "/installed_apps":                                 false,
		"/api/v5/orgs/*/installed_apps":                                          false,
		"/api/v5/*":                                                              false,
		"*":                                                                      false,
		"":                                                                       false,
		"/api/v5/users/{user_id}":                                                false,
		"/api/v5/users/{user_id}/":                                               false,
		"/api/v5/users/{user_id}/chats/":                                         false,
		"/api/v5/users/{user_id}//chats":                                         false,
		"/api/v5/users/{user_id}/**":                                             false,
		"/api/v5/users/{user_id}/chat*":                                          false,
		"/api/v5/users/{user_id}/../chats":                                       false,
		"/api/v5/users/{user_id}/./chats":                                        false,
		"/api/v5/users/{user_id}/chats?id=1":                                     false,
		"/api/v5/users/{user_id}/chats#1":                                        false,
		"/api/v5/users/{user_id}/%63hats":                                        false,
		"/api/v5/users/{user_id}/{chat}":                                         false,
		"/api/v5/users/{user_id}/my chats":                                       false,
		"/api/v5/users/{user_id}/chats\x00":                                      false,
		"/api/v5/users/{user_id}/chats\n":                                        false,
		"/api/v5/users/{user_id}/plaudereï":                                      false,
		"/api/v5/users/{user_id}/\xff":                                           false,
		" /api/v5/users/{user_id}/chats":                                         false,
		"api/v5/users/{user_id}/chats":                                           false,
		"/API/v5/users/{user_id}/chats":                                          false,
		"https://souk.example/api/v5/users/{user_id}/chats":                      false,
	} {
		got, ok := souk.ParsePattern(pattern)
		if ok != want || ok && string(got) != pattern || !ok && got != "" {
			t.Errorf("ParsePattern(%q) = %q, %v", pattern, got, ok)
		}
	}
}

func TestPatternsAndChannelsAreBounded(t *testing.T) {
	for _, tt := range []struct {
		name, head string
		parse      func(string) bool
	}{
		{"pattern", "/api/v5/orgs/{organization_id}/", func(s string) bool { _, ok := souk.ParsePattern(s); return ok }},
		{"channel", filled("/api/v5/orgs/{organization_id}/", somewhere), func(s string) bool { _, ok := souk.ParseChannel(s); return ok }},
	} {
		longest := tt.head + strings.Repeat("x", souk.MaxChannel-len(tt.head))
		if !tt.parse(longest) {
			t.Errorf("a %s of %d bytes is refused", tt.name, len(longest))
		}
		if tt.parse(longest + "x") {
			t.Errorf("a %s of %d bytes is accepted", tt.name, len(longest)+1)
		}
	}
}

func TestWhatMayBePublishedOn(t *testing.T) {
	id := souk.NewID().String()
	for channel, want := range map[string]bool{
		"/api/v5/orgs/" + id + "/chats":                              true,
		"/api/v5/orgs/" + id + "/chats/7/messages":                   true,
		"/api/v5/users/" + id + "/chats/" + id + "/messages":         true,
		"/api/v5/orgs/" + id:                                         false,
		"/api/v5/orgs/" + id + "/":                                   false,
		"/api/v5/orgs/" + id + "/chats/":                             false,
		"/api/v5/orgs/" + id + "//chats":                             false,
		"/api/v5/orgs/" + id + "/chats/*":                            false,
		"/api/v5/orgs/" + id + "/chats/..":                           false,
		"/api/v5/orgs/" + id + "/chats?after=1":                      false,
		"/api/v5/orgs/" + id + "/ch\xe4ts":                           false,
		"/api/v5/orgs/" + strings.ToUpper(id) + "/chats":             false,
		"/api/v5/orgs/" + strings.ReplaceAll(id, "-", "") + "/chats": false,
		"/api/v5/orgs/" + souk.ID{}.String() + "/chats":              false,
		"/api/v5/orgs/{organization_id}/chats":                       false,
		"/api/v5/orgs/acme/chats":                                    false,
		"/api/v5/rooms/" + id + "/chats":                             false,
		"/api/v4/orgs/" + id + "/chats":                              false,
		"api/v5/orgs/" + id + "/chats":                               false,
		"":                                                           false,
	} {
		got, ok := souk.ParseChannel(channel)
		if ok != want || ok && string(got) != channel || !ok && got != "" {
			t.Errorf("ParseChannel(%q) = %q, %v", channel, got, ok)
		}
	}
}

func TestWhoseAChannelIs(t *testing.T) {
	id := souk.NewID()
	for channel, kind := range map[souk.Channel]string{
		souk.Channel("/api/v5/orgs/" + id.String() + "/chats"):             "orgs",
		souk.Channel("/api/v5/users/" + id.String() + "/chats/7/messages"): "users",
		"/api/v5/orgs/{organization_id}/chats":                             "",
		"/api/v5/orgs":                                                     "",
		"":                                                                 "",
	} {
		want := id
		if kind == "" {
			want = souk.ID{}
		}
		if got, of := channel.Of(); got != kind || of != want {
			t.Errorf("%q is of %q %v", channel, got, of)
		}
	}
}

func TestWhatAPatternMatches(t *testing.T) {
	elsewhere := souk.Filling{Org: souk.NewID(), AppUser: souk.NewID(), Owner: souk.NewID(), App: souk.NewID()}
	nobody := souk.Filling{Org: somewhere.Org, Owner: somewhere.Owner, App: somewhere.App}
	here := func(s string) souk.Channel { return souk.Channel(filled(s, somewhere)) }
	for _, tt := range []struct {
		pattern souk.Pattern
		channel souk.Channel
		filling souk.Filling
		want    bool
	}{
		{"/api/v5/orgs/{organization_id}/installed_apps", here("/api/v5/orgs/{organization_id}/installed_apps"), somewhere, true},
		{"/api/v5/orgs/{organization_id}/installed_apps", here("/api/v5/orgs/{organization_id}/installed_apps"), elsewhere, false},
		{"/api/v5/orgs/{organization_id}/installed_apps", here("/api/v5/orgs/{app_organization_id}/installed_apps"), somewhere, false},
		{"/api/v5/orgs/{organization_id}/installed_apps", here("/api/v5/orgs/{organization_id}/partner_apps"), somewhere, false},
		{"/api/v5/orgs/{organization_id}/installed_apps", here("/api/v5/orgs/{organization_id}/installed_apps/7"), somewhere, false},
		{"/api/v5/orgs/{organization_id}/installed_apps", "/api/v5/orgs/{organization_id}/installed_apps", somewhere, false},
		{"/api/v5/orgs/{organization_id}/chats/*/messages", here("/api/v5/orgs/{organization_id}/chats/7/messages"), somewhere, true},
		{"/api/v5/orgs/{organization_id}/chats/*/messages", here("/api/v5/orgs/{organization_id}/chats/7/8/messages"), somewhere, false},
		{"/api/v5/orgs/{organization_id}/chats/*/messages", here("/api/v5/orgs/{organization_id}/chats/messages"), somewhere, false},
		{"/api/v5/orgs/{organization_id}/chats/*/messages", here("/api/v5/orgs/{organization_id}/chats//messages"), somewhere, false},
		{"/api/v5/orgs/{organization_id}/*", here("/api/v5/orgs/{organization_id}/chats/7"), somewhere, false},
		{"/api/v5/users/{user_id}/chats", here("/api/v5/users/{user_id}/chats"), somewhere, true},
		{"/api/v5/users/{user_id}/chats", here("/api/v5/users/{organization_id}/chats"), somewhere, false},
		// Where there is no app user, nothing is theirs.
		{"/api/v5/users/{user_id}/chats", here("/api/v5/users/{user_id}/chats"), nobody, false},
		{"/api/v5/users/{user_id}/chats", souk.Channel(filled("/api/v5/users/{user_id}/chats", nobody)), nobody, false},
		{"/api/v5/users/{user_id}/chats", "/api/v5/users//chats", nobody, false},
		{souk.OwnInstallations, here(string(souk.OwnInstallations)), somewhere, true},
		{souk.OwnInstallations, here(string(souk.OwnInstallations)), souk.Filling{Org: elsewhere.Org, Owner: somewhere.Owner, App: somewhere.App}, true},
		{souk.OwnInstallations, here(string(souk.OwnInstallations)), souk.Filling{Org: somewhere.Org, Owner: somewhere.Owner, App: elsewhere.App}, false},
		{souk.OwnInstallations, here(string(souk.OwnInstallations)), elsewhere, false},
		{"", "", somewhere, false},
	} {
		if got := tt.pattern.Matches(tt.channel, tt.filling); got != tt.want {
			t.Errorf("%q matches %q: %v", tt.pattern, tt.channel, got)
		}
	}
}

// anyPattern draws a pattern that may be subscribed to.
func anyPattern(t *rapid.T) souk.Pattern {
	if rapid.IntRange(0, 9).Draw(t, "kind") == 0 {
		return souk.OwnInstallations
	}
	head := rapid.SampledFrom([]string{"/api/v5/orgs/{organization_id}", "/api/v5/users/{user_id}"}).Draw(t, "head")
	rest := rapid.SliceOfN(rapid.OneOf(rapid.Just("*"), rapid.Just(somewhere.Org.String()), anySegment), 1, 5).Draw(t, "segments")
	return souk.Pattern(head + "/" + strings.Join(rest, "/"))
}

var anySegment = rapid.StringMatching(`[a-zA-Z0-9_!$&'()+,;=:@\[\]~-][a-z.]{0,20}`)

// expansion draws a channel that p means: each * is some segment.
func expansion(t *rapid.T, p souk.Pattern, f souk.Filling) souk.Channel {
	segments := strings.Split(filled(string(p), f), "/")
	for i, s := range segments {
		if s == "*" {
			segments[i] = anySegment.Draw(t, "for *")
		}
	}
	return souk.Channel(strings.Join(segments, "/"))
}

// anyFilling draws one in which everything is something.
func anyFilling(t *rapid.T) souk.Filling {
	return souk.Filling{Org: anyID(t), AppUser: anyID(t), Owner: anyID(t), App: anyID(t)}
}

func TestAPatternMatchesItsExpansions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, f := anyPattern(t), anyFilling(t)
		if _, ok := souk.ParsePattern(string(p)); !ok {
			t.Fatalf("%q is refused", p)
		}
		c := expansion(t, p, f)
		if !p.Matches(c, f) {
			t.Fatalf("%q does not match %q", p, c)
		}
		if _, ok := souk.ParseChannel(string(c)); !ok {
			t.Fatalf("%q is no channel", c)
		}
		if p.Last() != c.Last() && p.Last() != "*" {
			t.Fatalf("%q matches %q, whose last segment is %q", p, c, c.Last())
		}
	})
}

// A channel with a segment more, less, emptied or changed is another one.
func TestAPatternMatchesSegmentBySegment(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, f := anyPattern(t), anyFilling(t)
		means, is := strings.Split(string(p), "/"), strings.Split(string(expansion(t, p, f)), "/")
		i := rapid.IntRange(1, len(is)-1).Draw(t, "segment") // the one before the first slash is empty
		emptied, changed := slices.Clone(is), slices.Clone(is)
		emptied[i], changed[i] = "", is[i]+"x"
		for what, c := range map[string][]string{
			"more":    slices.Insert(slices.Clone(is), i, anySegment.Draw(t, "more")),
			"less":    slices.Delete(slices.Clone(is), i, i+1),
			"emptied": emptied,
			"changed": changed,
		} {
			want := what == "changed" && means[i] == "*"
			if got := p.Matches(souk.Channel(strings.Join(c, "/")), f); got != want {
				t.Fatalf("%q matches %q: %v", p, strings.Join(c, "/"), got)
			}
		}
	})
}

func TestAPatternStaysWithItsOwner(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, ours, theirs := anyPattern(t), anyFilling(t), anyFilling(t)
		c := expansion(t, p, theirs)
		same := theirs.Org == ours.Org
		switch {
		case p == souk.OwnInstallations:
			same = theirs.Owner == ours.Owner && theirs.App == ours.App
		case strings.HasPrefix(string(p), "/api/v5/users/"):
			same = theirs.AppUser == ours.AppUser
		}
		if got := p.Matches(c, ours); got != same {
			t.Fatalf("%q of %+v matches %q: %v", p, ours, c, got)
		}
		if p.Matches(c, souk.Filling{}) {
			t.Fatalf("%q of nobody matches %q", p, c)
		}
	})
}

func TestWhatASubscriptionWants(t *testing.T) {
	for _, a := range append(slices.Clone(souk.Actions), "rain") {
		for i := range 8 {
			s := souk.Subscription{Additions: i&1 != 0, Changes: i&2 != 0, Removals: i&4 != 0}
			want := map[souk.Action]bool{souk.Added: s.Additions, souk.Changed: s.Changes, souk.Removed: s.Removals}[a]
			if s.Wants(a) != want {
				t.Errorf("%+v wants %q: %v", s, a, !want)
			}
		}
	}
}

// Patterns and what they mean, said again as expressions.
var (
	plain      = `(\*|[!$&'()+,\-.0-9:;=@A-Z\[\]_a-z~]+)`
	wellFormed = regexp.MustCompile(`\A/api/v5/(users/\{user_id\}|orgs/\{organization_id\})(/` + plain + `)+\z|\A` +
		regexp.QuoteMeta(string(souk.OwnInstallations)) + `\z`)
	dots = regexp.MustCompile(`/\.\.?(/|\z)`)
)

// expression is what p means, as a regular expression.
func expression(p souk.Pattern, f souk.Filling) *regexp.Regexp {
	s := regexp.QuoteMeta(filled(string(p), f))
	return regexp.MustCompile(`\A` + strings.ReplaceAll(s, `\*`, `[^/]+`) + `\z`)
}

func FuzzPattern(f *testing.F) {
	for pattern, channel := range map[string]string{
		"/api/v5/users/{user_id}/chats/*/messages":      "/api/v5/users/{user_id}/chats/7/messages",
		"/api/v5/orgs/{organization_id}/installed_apps": "/api/v5/orgs/{organization_id}/installed_apps",
		"/api/v5/orgs/{organization_id}/*/*":            "/api/v5/orgs/{organization_id}/chats//",
		"/api/v5/orgs/{organization_id}/[a]+(b)$":       "/api/v5/orgs/{organization_id}/[a]+(b)$",
		string(souk.OwnInstallations):                   string(souk.OwnInstallations),
		"/api/v5/orgs/{organization_id}/..":             "/api/v5/orgs/{app_organization_id}/..",
		"**":                                            "\xff/\x00",
	} {
		f.Add(pattern, channel)
	}
	f.Fuzz(func(t *testing.T, s, channel string) {
		c := souk.Channel(filled(channel, somewhere))
		p, ok := souk.ParsePattern(s)
		if want := len(s) <= souk.MaxChannel && wellFormed.MatchString(s) && !dots.MatchString(s); ok != want {
			t.Fatalf("ParsePattern(%q) = %q, %v", s, p, ok)
		}
		if !ok {
			souk.Pattern(s).Matches(c, somewhere) // whatever the answer, there is one
			return
		}
		got, want := p.Matches(c, somewhere), expression(p, somewhere).MatchString(string(c))
		if got != want {
			t.Errorf("%q matches %q: %v", p, c, got)
		}
		if got && strings.Count(string(p), "/") != strings.Count(string(c), "/") {
			t.Errorf("%q matches %q, which has another number of segments", p, c)
		}
		if own := souk.Channel(strings.ReplaceAll(filled(s, somewhere), "*", "x")); !p.Matches(own, somewhere) {
			t.Errorf("%q does not match %q", p, own)
		}
	})
}
