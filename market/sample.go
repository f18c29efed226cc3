package market

import (
	"time"

	"souk"
)

// sample makes up an event of a kind at an app's owner, with the parts that a
// true one has.
func (tx *Tx) sample(kind souk.EventKind, app souk.App, at place, w souk.Webhook) souk.Event {
	none, org := souk.SampleID, at.Org
	e := tx.event(kind, org, at.Enterprise, &app, none)
	e.Test = true
	d := e.Data
	person := souk.User{ID: none, Org: org.ID, Email: "sample@souk.example", FirstName: "Sample", LastName: "Person", CreatedAt: tx.at}
	other := souk.Org{ID: none, Kind: souk.Workspace, Name: "Sample"}
	resolution := souk.Resolution{ID: none, App: app.ID, Org: org.ID, Status: souk.Approved, Scopes: app.BotScopes, By: none, CreatedAt: tx.at}
	request := souk.Request{
		ID: none, Case: none, App: app.ID, Org: org.ID, User: none, FiledBy: none, Scopes: app.BotScopes,
		Reason: "This is a test.", Status: souk.Pending, CreatedAt: tx.at,
	}
	switch kind {
	case souk.RequestCreated, souk.RequestWithdrawn, souk.RequestVoided, souk.CaseApproved, souk.CaseDeclined:
		d.User, d.Request = &person, &request
		if kind == souk.CaseApproved || kind == souk.CaseDeclined {
			d.Actor, d.Askers, d.Everyone = &person, []souk.User{person}, true
		}
		d.Case = &souk.Case{ID: none, Root: org.Root(), App: app.ID, OpenedAt: tx.at}
	case souk.ResolutionApproved, souk.ResolutionCleared:
		d.Resolution = &resolution
	case souk.ResolutionRestricted:
		resolution.Status, resolution.Scopes = souk.Restricted, nil
		d.Resolution = &resolution
	case souk.InstallationAdded, souk.InstallationChanged, souk.InstallationRemoved, souk.AppSuspended, souk.AppResumed:
		i := sampleInstallation(app, org, tx.at)
		d.Installation = &i
	case souk.GrantWasRevoked, souk.GrantWasDisabled, souk.GrantWasEnabled:
		d.User = &person
		d.Grant = &souk.Grant{ID: none, User: none, Installation: none, Org: org.ID, Scopes: app.BotScopes, Status: souk.GrantRevoked, CreatedAt: tx.at, RevokedAt: tx.at}
	case souk.OrgAdded, souk.OrgChanged, souk.PolicyChanged:
		e.Subject = org.ID
	case souk.PartnershipAdded, souk.PartnershipChanged, souk.PartnershipRemoved:
		d.Other, d.Partnership = &other, &souk.Partnership{A: none, B: org.ID, CreatedAt: tx.at}
	case souk.InvitationAdded, souk.InvitationRemoved:
		d.Other, d.Invitation = &other, &souk.Invitation{ID: none, From: org.ID, To: none, CreatedAt: tx.at}
	case souk.AssetAdded, souk.AssetRemoved:
		d.Asset = &souk.Asset{ID: none, Org: org.ID, Name: "Sample", FileName: "sample.png", ContentType: "image/png", CreatedAt: tx.at, UpdatedAt: tx.at}
	case souk.AppAdded, souk.AppChanged, souk.AppRemoved:
		e.Subject = app.ID
	case souk.ShareAdded, souk.ShareRemoved:
		d.Other, d.Share = &other, &souk.Share{ID: none, App: app.ID, Org: none, CreatedAt: tx.at}
	case souk.UserAdded, souk.UserChanged, souk.UserDeactivated, souk.MembershipChanged:
		d.User, d.Membership = &person, &souk.Membership{User: none, Org: org.ID, Role: souk.Member, CreatedAt: tx.at}
	case souk.WebhookAdded, souk.WebhookChanged, souk.WebhookRemoved, souk.WebhookFailing, souk.WebhookWasDisabled, souk.WebhookWasEnabled:
		e.Subject, d.Webhook = w.ID, &w
		if kind == souk.WebhookFailing || kind == souk.WebhookWasDisabled {
			d.Failing = &souk.Failing{Why: "this is a test", Since: tx.at, Failures: 1}
		}
	case souk.ChannelPublished:
		d.Publication = &souk.Publication{
			Org: org.ID, Channel: souk.Channel("/api/v5/orgs/" + org.ID.String() + "/samples"), Action: souk.Added,
			Resource: none.String(), Body: souk.Document(`{"test":true}`),
		}
	}
	return e
}

// sampleInstallation is one of an app at an org that there is not.
func sampleInstallation(app souk.App, org souk.Org, at time.Time) souk.Installation {
	i := souk.Installation{
		ID: souk.SampleID, App: app.ID, Org: org.ID, Kind: souk.OnWorkspace, Status: souk.InstallationActive, Scopes: app.BotScopes,
		InstalledBy: souk.SampleID, CreatedAt: at, UpdatedAt: at,
	}
	if org.Kind == souk.Enterprise {
		i.Kind = souk.OrgWide
	}
	return i
}
