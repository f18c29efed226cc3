package console

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"path"
	"strings"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

// textFiles is what pages say, one file a language: text/en.json, and text/fi.json
// some day. English is what the others lack.
//
//go:embed text/*.json
var textFiles embed.FS

// texts are all languages.
type texts struct {
	matcher language.Matcher
	all     []*text // as the matcher numbers them
}

// text is what pages say in one language.
type text struct {
	tag       language.Tag
	localizer *i18n.Localizer
}

// loadTexts reads the languages. They are part of the program, so it panics
// when one cannot be read.
func loadTexts() texts {
	bundle := i18n.NewBundle(language.English)
	bundle.RegisterUnmarshalFunc("json", json.Unmarshal)
	files, err := textFiles.ReadDir("text")
	if err != nil {
		panic(err)
	}
	for _, f := range files {
		if _, err := bundle.LoadMessageFileFS(textFiles, path.Join("text", f.Name())); err != nil {
			panic(err)
		}
	}
	tags := bundle.LanguageTags() // English first
	t := texts{matcher: language.NewMatcher(tags)}
	for _, tag := range tags {
		t.all = append(t.all, &text{tag, i18n.NewLocalizer(bundle, tag.String())})
	}
	return t
}

// of is the language that suits a reader best who accepts those.
func (t texts) of(accept string) *text {
	_, i := language.MatchStrings(t.matcher, accept)
	return t.all[i]
}

// say is the text of a key. Arguments are pairs of a name and a value, for the
// text's {{.Name}}; that of the name Count also chooses the plural.
func (t *text) say(key string, args ...any) (string, error) {
	c := i18n.LocalizeConfig{MessageID: key}
	values := map[string]any{}
	for i := 0; i+1 < len(args); i += 2 {
		name, ok := args[i].(string)
		if !ok {
			return "", fmt.Errorf("text %s: the name of an argument is a %T", key, args[i])
		}
		if values[name] = args[i+1]; name == "Count" {
			c.PluralCount = args[i+1]
		}
	}
	c.TemplateData = values
	s, err := t.localizer.Localize(&c)
	if err != nil {
		return "", fmt.Errorf("text %s: %w", key, err)
	}
	return s, nil
}

// has reports whether there is a text of that key without arguments.
func (t *text) has(key string) bool {
	_, err := t.say(key)
	return err == nil
}

// browser is what a browser calls itself, as far as people would. A name may
// claim to be several: the one that only its own browser claims comes first.
func (t *text) browser(agent string) (string, error) {
	name, system := first(agent, browsers), first(agent, systems)
	switch {
	case name == "":
		return t.say("account.browser.unknown")
	case system == "":
		return name, nil
	}
	return t.say("account.browser.on", "Browser", name, "System", system)
}

// browsers and systems are pairs of what stands in a browser's name for itself
// and what people call it.
var (
	browsers = [][2]string{
		{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"}, {"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"},
		{"HeadlessChrome/", "Chrome"}, {"CriOS/", "Chrome"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}, {"curl/", "curl"},
	}
	systems = [][2]string{
		{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"},
	}
)

func first(agent string, names [][2]string) string {
	for _, n := range names {
		if strings.Contains(agent, n[0]) {
			return n[1]
		}
	}
	return ""
}

// funcs are what templates of that language call.
func (t *text) funcs(a assets) template.FuncMap {
	return template.FuncMap{
		"t": t.say, "static": a.path, "input": inputOf, "browser": t.browser,
		"day": day, "moment": moment, "machine": machine,
	}
}
