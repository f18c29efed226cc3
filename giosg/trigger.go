package giosg

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"souk"
	"souk/market"
)

// What goes with a trigger is good for so long.
const (
	triggerLife = 600 * time.Second
	codeLife    = 60 * time.Second // of a code for the app user's token
)

// errTriggerURL stands for the reason, which would repeat the address.
var errTriggerURL = errors.New("the trigger URL cannot be read")

// Triggers is how apps are told, at their trigger URLs, that a condition came
// about (docs/dialects/giosg.md, "Triggers"). key signs what Souk itself will
// read again; base is the address that Souk is reached at.
func Triggers(key souk.Key, base string) *market.Triggers {
	s := signer{key, siteAt(base)}
	return &market.Triggers{Encode: encodeTrigger, Address: s.address}
}

// PrepareTrigger makes one attempt out of a trigger in the background. What its
// address is signed with is made for this very moment.
func PrepareTrigger(key souk.Key, base string) func(souk.Outgoing) (souk.Prepared, error) {
	s := signer{key, siteAt(base)}
	return func(o souk.Outgoing) (souk.Prepared, error) {
		t, err := decodeTrigger(o.Delivery.Body)
		if err != nil {
			return souk.Prepared{}, fmt.Errorf("delivery %s: %w", o.Delivery.ID, err)
		}
		t.URL = o.Webhook.URL
		address, err := s.address(t, o.Credentials, o.At)
		if err != nil {
			return souk.Prepared{}, fmt.Errorf("delivery %s: %w", o.Delivery.ID, err)
		}
		return souk.Prepared{URL: address, Header: map[string]string{"User-Agent": userAgent}}, nil
	}
}

// frozenTrigger is a trigger as it rests until it is told: without its address,
// which may change, and without anything secret.
type frozenTrigger struct {
	Type         souk.Condition    `json:"type"`
	App          souk.ID           `json:"app_id"`
	Org          souk.ID           `json:"organization_id"`
	Installation souk.ID           `json:"installation_id"`
	AppUser      souk.ID           `json:"app_user_id,omitzero"`
	User         souk.ID           `json:"user_id,omitzero"`
	Permissions  []souk.Permission `json:"permissions,omitempty"`
	Chat         string            `json:"chat_id,omitempty"`
	Visitor      string            `json:"visitor_id,omitempty"`
	Room         string            `json:"room_id,omitempty"`
	Domain       string            `json:"domain_host,omitempty"`
	Return       string            `json:"redirect_uri,omitempty"`
}

func encodeTrigger(t souk.Trigger) ([]byte, error) {
	return marshal(frozenTrigger{
		Type: t.Condition, App: t.App, Org: t.Org, Installation: t.Installation, AppUser: t.AppUser, User: t.User,
		Permissions: t.Permissions, Chat: t.Chat, Visitor: t.Visitor, Room: t.Room, Domain: t.Domain, Return: t.Return,
	})
}

func decodeTrigger(body []byte) (souk.Trigger, error) {
	var f frozenTrigger
	if err := json.Unmarshal(body, &f); err != nil {
		return souk.Trigger{}, fmt.Errorf("read a trigger: %w", err)
	}
	return souk.Trigger{
		Condition: f.Type, App: f.App, Org: f.Org, Installation: f.Installation, AppUser: f.AppUser, User: f.User,
		Permissions: f.Permissions, Chat: f.Chat, Visitor: f.Visitor, Room: f.Room, Domain: f.Domain, Return: f.Return,
	}, nil
}

// signer signs what goes with a trigger.
type signer struct {
	key  souk.Key
	site site
}

// address is the app's trigger URL with what the trigger tells behind its own
// query, which stays as the app's owner wrote it. A fragment is for browsers
// and no part of what is asked.
func (s signer) address(t souk.Trigger, with souk.Credentials, at time.Time) (string, error) {
	plain, _, _ := strings.Cut(t.URL, "#")
	if _, err := url.Parse(plain); err != nil || plain == "" {
		return "", errTriggerURL
	}
	data, err := s.data(t, with, at)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(plain)
	separator := "?"
	if _, query, has := strings.Cut(plain, "?"); has {
		if separator = "&"; query == "" || strings.HasSuffix(query, "&") {
			separator = ""
		}
	}
	parameter := func(name, value string) {
		b.WriteString(separator + name + "=" + url.QueryEscape(value))
		separator = "&"
	}
	parameter("type", string(t.Condition))
	parameter("data", data)
	if t.Condition != souk.OnUninstall {
		token, err := s.token(t, at)
		if err != nil {
			return "", err
		}
		parameter("token", token)
	}
	if t.Condition == souk.OnInstall {
		parameter("redirect_uri", t.Return)
	}
	return b.String(), nil
}

// triggerData is what an app is told of a trigger. Its readers want each of
// these, none of aud, iat and nbf, and the time in whole seconds.
type triggerData struct {
	Subject      string   `json:"sub"` // the host that Souk is reached at
	User         *souk.ID `json:"user_id"`
	Org          souk.ID  `json:"org_id"`
	App          souk.ID  `json:"app_id"`
	Installation souk.ID  `json:"inst_id"`
	AppUser      *souk.ID `json:"app_user_id"`
	AppUserCode  *string  `json:"app_user_code"`
	Chat         string   `json:"chat_id"`
	Visitor      string   `json:"visitor_id"`
	Room         *string  `json:"room_id"`
	Domain       *string  `json:"domain_host"`
	Expires      int64    `json:"exp"`
}

// data signs what an app is told with the text of its secret.
func (s signer) data(t souk.Trigger, with souk.Credentials, at time.Time) (string, error) {
	told := triggerData{
		Subject: s.site.host(), User: optionalID(t.User), Org: t.Org, App: t.App, Installation: t.Installation,
		AppUser: optionalID(t.AppUser), Chat: t.Chat, Visitor: t.Visitor, Room: optionalText(t.Room),
		Domain: optionalText(t.Domain), Expires: at.Add(triggerLife).Unix(),
	}
	if !t.AppUser.IsZero() && (t.Condition == souk.OnInstall || t.Condition == souk.OnSetup) {
		code, err := s.code(t, at)
		if err != nil {
			return "", err
		}
		told.AppUserCode = &code
	}
	return signJWT([]byte(with.GiosgSecret), told)
}

// triggerToken is what an app speaks with for the person who caused a trigger.
type triggerToken struct {
	User         *souk.ID          `json:"user_id"`
	Subject      string            `json:"sub"`
	Permissions  []souk.Permission `json:"perms"`
	Org          souk.ID           `json:"org_id"`
	App          souk.ID           `json:"app_id"`
	Installation souk.ID           `json:"inst_id"`
	Expires      int64             `json:"exp"`
}

func (s signer) token(t souk.Trigger, at time.Time) (string, error) {
	return signJWT(s.key.TriggerTokens(), triggerToken{
		User: optionalID(t.User), Subject: s.site.host(), Permissions: append([]souk.Permission{}, t.Permissions...),
		Org: t.Org, App: t.App, Installation: t.Installation, Expires: at.Add(triggerLife).Unix(),
	})
}

// readTriggerToken reads what token signed; ok tells whether it is that. Whether
// it still answers is the market's to say, and whose secret has to come with it.
func readTriggerToken(key souk.Key, text string) (in market.TriggerCaller, ok bool) {
	var t triggerToken
	if !readJWT(key.TriggerTokens(), text, &t) || t.User == nil {
		return in, false
	}
	for _, p := range t.Permissions {
		in.Permissions = append(in.Permissions, string(p))
	}
	in.User, in.Org, in.App, in.Installation, in.Expires = *t.User, t.Org, t.App, t.Installation, time.Unix(t.Expires, 0)
	return in, true
}

// appUserCode is what an app's server trades for a token of its app user.
type appUserCode struct {
	ID           souk.ID  `json:"jti"`
	Issuer       string   `json:"iss"`
	Audience     []string `json:"aud"`
	IssuedAt     int64    `json:"iat"`
	Expires      int64    `json:"exp"`
	Org          souk.ID  `json:"organization_id"`
	App          souk.ID  `json:"app_id"`
	Installation souk.ID  `json:"inst_id"`
	User         souk.ID  `json:"user_id"` // the app user
}

func (s signer) code(t souk.Trigger, at time.Time) (string, error) {
	return signJWT(s.key.Codes(), appUserCode{
		ID: souk.NewID(), Issuer: s.site.issuer(), Audience: []string{s.site.tokenEndpoint()},
		IssuedAt: at.Unix(), Expires: at.Add(codeLife).Unix(),
		Org: t.Org, App: t.App, Installation: t.Installation, User: t.AppUser,
	})
}

// readCode reads what code signed; ok tells whether it is that. Whether it is
// still good is the market's to say.
func (s signer) readCode(text string) (in market.AppUserCode, ok bool) {
	var c appUserCode
	if !readJWT(s.key.Codes(), text, &c) || c.Issuer != s.site.issuer() || !slices.Contains(c.Audience, s.site.tokenEndpoint()) {
		return in, false
	}
	return market.AppUserCode{
		ID: c.ID, App: c.App, Installation: c.Installation, AppUser: c.User, Expires: time.Unix(c.Expires, 0),
	}, true
}
