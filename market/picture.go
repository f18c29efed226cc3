package market

import "souk"

// picture gathers what the resource of a notice is shown with.
func (t *teller) picture(n noticed) (p Picture, err error) {
	e := n.event
	if !n.app.IsZero() {
		return t.pictureOfApp(n.app, e)
	}
	d := e.Data
	switch {
	case d.Installation != nil:
		v, err := t.installView(*d.Installation)
		if err != nil {
			return p, err
		}
		p.Installation = &v
		if d.Before != nil && d.Before.Installation != nil {
			was := v
			was.Installation = *d.Before.Installation
			p.Before = &Picture{Installation: &was}
		}
	case d.Webhook != nil:
		views, err := t.hookViews([]souk.Webhook{*d.Webhook}, *d.App, *d.Org)
		if err != nil {
			return p, err
		}
		p.Webhook = &views[0]
		if d.Before != nil {
			before, err := t.hookViews([]souk.Webhook{*d.Before.Webhook}, *d.App, *d.Org)
			if err != nil {
				return p, err
			}
			p.Before = &Picture{Webhook: &before[0]}
		}
	case d.Share != nil:
		end := Outgoing
		if d.Share.Org == n.Org {
			end = Incoming
		}
		v, err := t.shareView(end, *d.Share)
		p.Share = &v
		return p, err
	case d.Partnership != nil:
		v, err := t.partnershipView(*d.Partnership, e.Org)
		if err != nil {
			return p, err
		}
		p.Partnership = &v
		if d.Before != nil {
			was, err := t.partnershipView(*d.Before.Partnership, e.Org)
			if err != nil {
				return p, err
			}
			p.Before = &Picture{Partnership: &was}
		}
	case d.User != nil:
		return t.pictureOfUser(e)
	case d.App != nil && e.Subject == d.App.ID:
		return t.pictureOfApp(d.App.ID, e)
	}
	return p, nil
}

// pictureOfApp shows an app as it is in the event, or as it is now.
func (t *teller) pictureOfApp(id souk.ID, e souk.Event) (p Picture, err error) {
	var app souk.App
	if e.Data.App != nil && e.Data.App.ID == id {
		app = *e.Data.App
	} else if app, err = t.App(id); err != nil {
		return p, err
	}
	v, err := t.appView(app)
	if err != nil {
		return p, err
	}
	p.App = &v
	if e.Data.Before != nil && e.Data.Before.App != nil && e.Data.Before.App.ID == id {
		was, err := t.appView(*e.Data.Before.App)
		if err != nil {
			return p, err
		}
		if was.IconAsset == nil && !was.Icon.IsZero() { // it was deleted, and that is the news
			was.IconAsset = &souk.Asset{ID: was.Icon}
		}
		p.Before = &Picture{App: &was}
	}
	return p, nil
}

func (t *teller) pictureOfUser(e souk.Event) (p Picture, err error) {
	v, err := t.userView(*e.Data.User)
	if err != nil {
		return p, err
	}
	p.User = &v
	if b := e.Data.Before; b != nil {
		was := v
		if b.User != nil {
			was.User = *b.User
		}
		if b.Membership != nil && b.Membership.Org == v.Home.ID {
			above := souk.Standing{Here: *b.Membership}
			if v.Home.Enterprise != (souk.ID{}) {
				if above.Above, err = t.Membership(v.ID, v.Home.Enterprise); ignoreMissing(err) != nil {
					return p, err
				}
			}
			was.Permissions = above.Permissions()
		}
		p.Before = &Picture{User: &was}
	}
	return p, nil
}
