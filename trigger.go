package souk

import "slices"

// Trigger is a condition that came about for an installation, on which the
// app's trigger URL is called (docs/dialects/giosg.md, "Triggers").
type Trigger struct {
	Condition    Condition
	URL          string // the app's
	App, Org     ID     // Org is where the app is installed
	Installation ID
	AppUser      ID           // or none
	User         ID           // who caused it, or none
	Permissions  []Permission // of User at Org, as far as the installation was allowed them
	Chat         string       // the host product's ids, empty where there is none
	Visitor      string
	Room         string
	Domain       string // host name of the page that the chat is on
	Return       string // install: where the app sends the person afterwards
}

// Condition is one of TriggerConditions.
type Condition string

// The conditions that Souk itself brings about. All others are the chat's, and
// the host product tells of them.
const (
	OnInstall     Condition = "install"
	OnSetup       Condition = "setup"
	OnUninstall   Condition = "uninstall"
	OnNavigation  Condition = "manual_nav"
	OnConsoleLoad Condition = "console_load"
)

// HostConditions are those that a host product tells of, in order.
var HostConditions = []Condition{
	"chat_close", "chat_end", "chat_end_with_msgs", "chat_focus", "chat_open", "chat_start", "manual_dialog",
}

// InBrowser reports whether the trigger URL is opened in the browser of
// whoever brought c about. Otherwise Souk calls it, in the background.
func (c Condition) InBrowser() bool {
	switch c {
	case OnInstall, OnSetup, OnNavigation, "manual_dialog", "chat_open", "chat_close", "chat_focus":
		return true
	}
	return false
}

// Triggered reports whether a's trigger URL is called on c.
func (a App) Triggered(c Condition) bool {
	return a.TriggerURL != "" && slices.Contains(a.Triggers, string(c))
}
