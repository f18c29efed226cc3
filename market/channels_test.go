package market_test

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/store"
)

// channels is a wire that spells notices in a line: "added orgs/<id>/users <id>".
// What needs a picture fails without one.
func channels() *market.Channels {
	listed := func(list string) func(souk.ID, souk.ID, souk.Action) souk.Notice {
		return func(org, app souk.ID, a souk.Action) souk.Notice { return noticeAt(org, list, a, app, "settings") }
	}
	return &market.Channels{
		Notices: notices, Installed: listed("installed_apps"), Offered: listed("partner_apps"),
		Encode: func(e souk.Event, n souk.Notice, p market.Picture) ([]byte, error) {
			line := fmt.Sprintf("%s %s %s", n.Action, strings.TrimPrefix(string(n.Channel), "/api/v5/"), n.Resource)
			switch {
			case e.Kind == souk.ChannelPublished:
				return []byte(strings.TrimSpace(line + " " + string(e.Data.Publication.Body))), nil
			case n.Action == souk.Removed:
				return []byte(line), nil
			case p.App == nil && p.Installation == nil && p.Webhook == nil && p.User == nil && p.Partnership == nil && p.Share == nil:
				return nil, fmt.Errorf("no picture of %s", line)
			case n.Action == souk.Changed && p.Installation != nil && p.Installation.Scopes.Equal(p.Before.Installation.Scopes):
				return nil, nil // reach does not show
			case n.Action == souk.Changed && p.App != nil:
				return fmt.Appendf(nil, "%s %q was %q", line, p.App.Name, p.Before.App.Name), nil
			}
			return []byte(line), nil
		},
		Owns: func(c souk.Channel) bool { return c.Last() == "installed_apps" || c.Last() == "users" },
	}
}

func noticeAt(org souk.ID, list string, a souk.Action, resource souk.ID, scope string) souk.Notice {
	return souk.Notice{Channel: souk.Channel("/api/v5/orgs/" + org.String() + "/" + list), Action: a, Resource: resource.String(), Org: org, Scope: scope}
}

func notices(e souk.Event) []souk.Notice {
	noun, did, _ := strings.Cut(string(e.Kind), ".")
	action := map[string]souk.Action{"added": souk.Added, "changed": souk.Changed, "removed": souk.Removed, "deactivated": souk.Removed}[did]
	switch noun {
	case "installation":
		own := noticeAt(e.Data.App.Owner, "owned_apps/"+e.App.String()+"/installations", action, e.Subject, "")
		own.Org, own.App = souk.ID{}, e.App
		return []souk.Notice{own, noticeAt(e.Org, "app_installations", action, e.Subject, "settings")}
	case "app":
		if action == "" {
			return nil
		}
		return []souk.Notice{noticeAt(e.Org, "owned_apps", action, e.App, "settings")}
	case "webhook":
		return []souk.Notice{noticeAt(e.Org, "owned_apps/"+e.App.String()+"/webhooks", action, e.Subject, "settings")}
	case "user":
		return []souk.Notice{noticeAt(e.Org, "users", action, e.Subject, "users")}
	case "partnership":
		return []souk.Notice{noticeAt(e.Org, "partnerships", action, e.Subject, "settings")}
	case "share":
		return []souk.Notice{
			noticeAt(e.Org, "outgoing_app_shares", action, e.Data.Share.ID, "settings"),
			noticeAt(e.Data.Other.ID, "incoming_app_shares", action, e.Data.Share.ID, "settings"),
		}
	case "channel":
		p := e.Data.Publication
		return []souk.Notice{{Channel: p.Channel, Action: p.Action, Resource: p.Resource, Org: p.Org, Scope: p.Scope}}
	}
	return nil
}

// all subscribes to everything on some patterns below an installing org.
func all(patterns ...string) (to []souk.Subscription) {
	for _, p := range patterns {
		to = append(to, souk.Subscription{Pattern: souk.Pattern("/api/v5/orgs/{organization_id}/" + p), Additions: true, Changes: true, Removals: true})
	}
	return to
}

// own subscribes an app to its own installations.
var own = souk.Subscription{Pattern: souk.OwnInstallations, Additions: true, Changes: true, Removals: true}

// listen makes a webhook of an app for channels.
func (w *town) listen(app string, to ...souk.Subscription) souk.Webhook {
	w.t.Helper()
	return must(w.m.PutWebhook(context.Background(), operator, market.Hook{
		App: w.app[app], Dialect: souk.Giosg, URL: "https://" + app + ".example/channels", Channels: to,
	}))(w.t).Webhook
}

// heard spells what webhooks were told on channels since it was asked last, in
// any order: "app: added orgs/hq/installed_apps chat". What was cancelled or
// outlives its installation says so.
func (w *town) heard() []string {
	w.t.Helper()
	var names []string
	for _, query := range []string{
		`SELECT id, name FROM orgs`, `SELECT id, name FROM apps`, `SELECT id, first_name FROM users`,
		`SELECT i.id, a.name || '@' || o.name FROM installations i JOIN apps a ON a.id = i.app_id JOIN orgs o ON o.id = i.org_id`,
		`SELECT w.id, a.name || '-hook' FROM webhooks w JOIN apps a ON a.id = w.app_id`,
	} {
		names = append(names, w.names(query)...)
	}
	spell := strings.NewReplacer(names...)
	var lines []string
	w.read(func(tx *store.Tx) error {
		for app, id := range w.app {
			hooks, err := tx.ChannelWebhooks(id, souk.Page{Size: 100})
			if err != nil {
				return err
			}
			for _, h := range hooks {
				told, err := souktest.Told(tx, h.ID, "", souk.Page{Size: 1000})
				if err != nil {
					return err
				}
				for _, d := range told {
					if w.seen[d.ID] {
						continue
					}
					w.seen[d.ID] = true
					line := app + ": " + spell.Replace(string(d.Body))
					if d.Final {
						line += " (final)"
					}
					if d.Status != souk.DeliveryPending {
						line += " (" + string(d.Status) + ")"
					}
					lines = append(lines, line)
				}
			}
		}
		return nil
	})
	slices.Sort(lines)
	return lines
}

// names reads pairs of an ID and what it is called, as a Replacer wants them.
func (w *town) names(query string) (pairs []string) {
	w.t.Helper()
	rows, err := w.sql.QueryContext(context.Background(), query)
	if err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		var id souk.ID
		var name string
		if err := rows.Scan(&id, &name); err != nil {
			w.t.Fatal(err)
		}
		pairs = append(pairs, id.String(), name)
	}
	ok(w.t, rows.Err())
	return pairs
}

// wantHeard asks heard, in any order.
func (w *town) wantHeard(what string, want ...string) {
	w.t.Helper()
	slices.Sort(want)
	wantList(w.t, what, w.heard(), want...)
}
