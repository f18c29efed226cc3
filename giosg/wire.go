package giosg

import (
	"bytes"
	"encoding/json"
	"fmt"

	"souk"
	"souk/market"
)

// Wire is how giosg's webhooks are told what happens, on channels, and apps at
// their trigger URLs. base is the address that Souk is reached at, which images
// are found under; key signs what goes with triggers.
func Wire(key souk.Key, base string) market.Wire {
	return market.Wire{
		Channels: &market.Channels{
			Notices:   notices,
			Installed: installedNotice,
			Offered:   offeredNotice,
			Encode:    siteAt(base).encode,
			Owns:      owns,
		},
		Triggers: Triggers(key, base),
	}
}

// The collections below an organization that Souk tells of, with the scope that
// an installation must hold to hear them (docs/dialects/giosg.md, "Cheat
// sheet").
const (
	installedApps    = "installed_apps"
	appInstallations = "app_installations"
	partnerApps      = "partner_apps"
	ownedApps        = "owned_apps"
	users            = "users"
	partnerships     = "partnerships"
	outgoingShares   = "outgoing_app_shares"
	incomingShares   = "incoming_app_shares"
)

var scopes = map[string]string{
	installedApps: string(souk.CanSettings), appInstallations: string(souk.CanSettings), partnerApps: string(souk.CanSettings),
	ownedApps: string(souk.CanSettings), users: string(souk.CanUsers), partnerships: string(souk.CanSettings),
	outgoingShares: string(souk.CanSettings), incomingShares: string(souk.CanSettings),
}

// below is a channel of an organization.
func below(org souk.ID, path string) souk.Channel {
	return souk.Channel(prefix + "/orgs/" + org.String() + "/" + path)
}

// notice is one about a resource of a collection of an organization.
func notice(org souk.ID, collection string, a souk.Action, resource souk.ID) souk.Notice {
	return souk.Notice{
		Channel: below(org, collection), Action: a, Resource: resource.String(), Org: org, Scope: scopes[collection],
	}
}

func installedNotice(org, app souk.ID, a souk.Action) souk.Notice {
	return notice(org, installedApps, a, app)
}

func offeredNotice(org, app souk.ID, a souk.Action) souk.Notice {
	return notice(org, partnerApps, a, app)
}

// owns reports whether a channel is one that Souk tells things on, or one below
// an item of its collections.
func owns(c souk.Channel) bool {
	kind, id := c.Of()
	if kind != "orgs" {
		return false
	}
	rest := bytes.TrimPrefix([]byte(c), []byte(below(id, "")))
	collection, _, _ := bytes.Cut(rest, []byte("/"))
	_, known := scopes[string(collection)]
	return known
}

// actions are what events do to the resource that they are about.
var actions = map[souk.EventKind]souk.Action{
	souk.InstallationAdded: souk.Added, souk.InstallationChanged: souk.Changed, souk.InstallationRemoved: souk.Removed,
	souk.AppAdded: souk.Added, souk.AppChanged: souk.Changed, souk.AppRemoved: souk.Removed,
	souk.WebhookAdded: souk.Added, souk.WebhookChanged: souk.Changed, souk.WebhookRemoved: souk.Removed,
	souk.UserAdded: souk.Added, souk.UserChanged: souk.Changed, souk.UserDeactivated: souk.Removed,
	souk.MembershipChanged: souk.Changed,
	souk.PartnershipAdded:  souk.Added, souk.PartnershipChanged: souk.Changed, souk.PartnershipRemoved: souk.Removed,
	souk.ShareAdded: souk.Added, souk.ShareRemoved: souk.Removed,
}

// notices are the channels on which an event is told.
func notices(e souk.Event) []souk.Notice {
	a := actions[e.Kind]
	switch e.Kind {
	case souk.InstallationAdded, souk.InstallationChanged, souk.InstallationRemoved:
		return ofInstallation(e, a)
	case souk.AppAdded, souk.AppChanged, souk.AppRemoved:
		return []souk.Notice{notice(e.Org, ownedApps, a, e.App)}
	case souk.WebhookAdded, souk.WebhookChanged, souk.WebhookRemoved:
		return ofWebhook(e, a)
	case souk.MembershipChanged:
		if e.Data.User.Org != e.Org {
			return nil // what they may do elsewhere is not shown
		}
		return []souk.Notice{notice(e.Org, users, a, e.Subject)}
	case souk.UserAdded, souk.UserChanged, souk.UserDeactivated:
		return []souk.Notice{notice(e.Org, users, a, e.Subject)}
	case souk.PartnershipAdded, souk.PartnershipChanged, souk.PartnershipRemoved:
		return []souk.Notice{notice(e.Org, partnerships, a, e.Subject)}
	case souk.ShareAdded, souk.ShareRemoved:
		return ofShare(e, a)
	case souk.ChannelPublished:
		p := e.Data.Publication
		return []souk.Notice{{Channel: p.Channel, Action: p.Action, Resource: p.Resource, Org: p.Org, Scope: p.Scope}}
	}
	return nil
}

// ofInstallation tells the app itself, and the organization that installed it.
func ofInstallation(e souk.Event, a souk.Action) []souk.Notice {
	return []souk.Notice{
		{
			Channel: below(e.Data.App.Owner, ownedApps+"/"+e.App.String()+"/installations"),
			Action:  a, Resource: e.Subject.String(), App: e.App,
		},
		notice(e.Org, appInstallations, a, e.Subject),
	}
}

// ofWebhook tells the owner of an app. Webhooks of other dialects are not
// resources here.
func ofWebhook(e souk.Event, a souk.Action) []souk.Notice {
	if e.Data.Webhook.Dialect != souk.Giosg {
		return nil
	}
	return []souk.Notice{{
		Channel: below(e.Org, ownedApps+"/"+e.App.String()+"/webhooks"),
		Action:  a, Resource: e.Subject.String(), Org: e.Org, Scope: scopes[ownedApps],
	}}
}

// ofShare tells both ends of a share.
func ofShare(e souk.Event, a souk.Action) []souk.Notice {
	id := e.Data.Share.ID
	return []souk.Notice{notice(e.Org, outgoingShares, a, id), notice(e.Data.Share.Org, incomingShares, a, id)}
}

// encode spells a notice: all of what was added, what differs of what was
// changed, nothing of what was removed.
func (s site) encode(e souk.Event, n souk.Notice, p market.Picture) ([]byte, error) {
	body := notification{Channel: n.Channel, Action: n.Action, ResourceID: n.Resource}
	switch {
	case n.Action == souk.Removed:
		return marshal(body)
	case e.Kind == souk.ChannelPublished:
		body.Resource = json.RawMessage(e.Data.Publication.Body)
		return marshal(body)
	}
	now, err := s.resource(n, p)
	if err != nil {
		return nil, err
	}
	if n.Action == souk.Changed && p.Before != nil {
		was, err := s.resource(n, *p.Before)
		if err != nil {
			return nil, err
		}
		if now, err = difference(was, now); err != nil || now == nil {
			return nil, err
		}
	}
	body.Resource = now
	return marshal(body)
}

// resource spells what a notice is about, as a stranger to the app may read it.
func (s site) resource(n souk.Notice, p market.Picture) (json.RawMessage, error) {
	var v any
	switch collection := n.Channel.Last(); {
	case p.Installation != nil:
		v = s.installation(*p.Installation)
	case p.App != nil && collection == installedApps:
		v = s.installedApp(*p.App)
	case p.App != nil && collection == partnerApps:
		v = s.catalogueApp(*p.App)
	case p.App != nil:
		v = s.offeredApp(*p.App)
	case p.Webhook != nil:
		w := showWebhook(*p.Webhook)
		w.EndpointURL = souk.PlainURL(w.EndpointURL)
		v = w
	case p.User != nil:
		v = showUser(*p.User)
	case p.Partnership != nil:
		v = showPartnership(*p.Partnership)
	case p.Share != nil:
		v = s.share(*p.Share)
	default:
		return nil, fmt.Errorf("nothing to show on %s", n.Channel)
	}
	return marshal(v)
}
