package conformance

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// An installed app is set up, opened, given permissions, and uninstalled after
// a look at what stops.
func TestPagesInstalledApps(t *testing.T) {
	visit(t, func(t *testing.T, v *visitor) {
		v.signIn("solveig@solo.example")
		v.Go(v.install("deploybot"))
		v.Check("I accept the terms of Vendor Ltd")
		v.Press("Install")
		v.meets("install")
		v.exchangeCode("deploybot")
		v.Follow("Done")
		v.Says("The app is installed.", "Deploybot", "Deploy Bot", "without permissions", "Diary")
		v.look("apps", dark, phone)

		aside := v.PressForTab("Set up Deploybot (opens in a new window)")
		aside.Says("Deploybot: setup")
		v.meets("setup")

		v.Go(v.URL("/console/orgs/" + v.Orgs["solo"].ID + "/open/" + v.Apps["deploybot"].ID))
		v.meets("manual_nav")
		v.look("open", phone)

		v.Go(v.URL("/console/orgs/" + v.Orgs["solo"].ID + "/apps"))
		v.Follow("Details Deploybot")
		v.Says("Deploybot works at Solo as Deploy Bot", "Exchanged for a code")
		v.look("installation", dark, phone)
		const reports, settings = "Read reports reports", "Change the settings of the organization settings"
		v.Check(reports)
		v.Press("Save permissions")
		v.Says("The permissions are saved.")
		if !v.Checked(reports) || v.Checked(settings) {
			t.Errorf("reports: %t, settings: %t", v.Checked(reports), v.Checked(settings))
		}
		v.Check(reports)
		v.Press("Save permissions")
		if v.Checked(reports) {
			t.Error("the permission was not taken away")
		}
		v.Press("Revoke the token Exchanged for a code")
		v.Says("The token is revoked.", "It has no tokens at the moment.")

		v.Follow("Uninstall")
		v.Says("Uninstall Deploybot?", "What stops at once", "The app user Deploy Bot is deactivated for good")
		v.look("uninstall", phone)
		v.Press("Uninstall")
		v.at("/console/orgs/" + v.Orgs["solo"].ID + "/apps")
		v.Says("The app is uninstalled.", "Diary")
		v.Lacks("Deploybot")
		v.meets("uninstall")
	})
}

// exchangeCode is what the app's server does with the address that the browser
// came to.
func (v *visitor) exchangeCode(app string) {
	v.t.Helper()
	here, err := url.Parse(v.Tab.URL())
	if err != nil {
		v.t.Fatal(err)
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(here.Query().Get("data")+"..", ".")[1])
	if err != nil {
		v.t.Fatal(err)
	}
	var data struct {
		Code string `json:"app_user_code"`
	}
	if err := json.Unmarshal(payload, &data); err != nil {
		v.t.Fatalf("%v: %s", err, here)
	}
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {data.Code},
		"client_id": {v.Apps[app].ID}, "client_secret": {v.Apps[app].Credentials.Giosg.Secret},
	}
	call, err := http.NewRequestWithContext(v.t.Context(), http.MethodPost, v.URL("/identity/token"), strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	call.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answered(v.t, http.DefaultClient, call)
}

// Where nothing is installed the page says how that changes.
func TestPagesNothingInstalled(t *testing.T) {
	visit(t, func(t *testing.T, v *visitor) {
		v.signIn("vic@vendor.example")
		v.Follow("Installed apps of Vendor Ltd")
		v.Says("Nothing is installed at Vendor Ltd yet.")
		v.look("apps-none")
	})
}

// A member sees what is installed and may, but changes nothing.
func TestPagesInstalledAppsOfAMember(t *testing.T) {
	visit(t, func(t *testing.T, v *visitor) {
		v.signIn("sam@both.example")
		v.Press("Continue to Solo")
		v.Follow("Installed apps of Solo")
		v.Follow("Details Diary")
		v.Says("Diary", "What Diary may do")
		v.Lacks("Save permissions", "Its tokens", "Uninstall")
		v.look("installation-member")
	})
}

// An app asks to act for somebody, who allows it, sees it among what acts for
// them, and takes it back.
func TestPagesConsent(t *testing.T) {
	visit(t, func(t *testing.T, v *visitor) {
		authorize := func(app string) string {
			return v.URL("/identity/authorize?" + url.Values{
				"response_type": {"code"}, "client_id": {v.Apps[app].ID}, "redirect_uri": {v.app + "/back"},
				"scope": {"openid reports"}, "state": {"four"}, "nonce": {"n"},
				"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
			}.Encode())
		}
		signIn := func() {
			v.enter("sam@both.example", password)
			v.Press("Continue to Solo")
		}
		v.Go(authorize("diary"))
		signIn()
		v.Says("Let Diary act for you?", "Sam Roe", "Solo", "by Vendor Ltd")
		v.look("authorize", dark, phone)
		v.Press("Deny")
		v.Says("Back at Vendor", "error=access_denied", "state=four")
		v.Go(authorize("diary"))
		v.Press("Allow")
		v.Says("Back at Vendor", "code=", "state=four")

		// Who agreed before is led on at once, even by the page to sign in.
		v.Go(v.URL("/console"))
		v.Press("Sign out")
		v.Go(authorize("diary"))
		signIn()
		v.Says("Back at Vendor", "code=", "state=four")

		v.Go(v.URL("/console/account"))
		v.Says("Diary")
		v.look("account-grant")
		v.Press("Revoke what Diary may do for you")
		v.Says("The app does not act for you any more.", "No app acts for you.")

		v.Go(authorize("deploybot"))
		v.Says("The app is not installed")
		v.look("authorize-install")
		v.Follow("Open the install page")
		v.Says("Ask for Deploybot")
	})
}
