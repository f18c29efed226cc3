package market

import (
	"bytes"
	"context"
	"fmt"
	"image"
	_ "image/gif" // what DecodeConfig knows is what may be uploaded
	_ "image/jpeg"
	_ "image/png"
	"path"
	"strings"
	"time"
	"unicode"

	"souk"
	"souk/store"
)

// Bounds of assets beside souk.MaxAsset: how many of one org, pixels a side, and
// characters.
const (
	MaxAssets           = 200
	MaxAssetSide        = 4096
	MaxAssetName        = 200
	MaxAssetDescription = 2000
	MaxFileName         = 100
)

// imageTypes are what may be uploaded, by the names of package image.
var imageTypes = map[string]string{"png": "image/png", "jpeg": "image/jpeg", "gif": "image/gif"}

// Upload is an image that somebody hands in.
type Upload struct {
	Org         souk.ID
	Name        string
	Description string
	FileName    string // any path: its last part is kept, and of a long one the end
	Content     []byte // a PNG, JPEG or GIF
}

// UploadAsset keeps an image for an org. Whoever holds settings there may, and
// the operator. It refuses NoSubscription, UnknownOrg, NotAllowed and Invalid.
func (m *Market) UploadAsset(ctx context.Context, actor souk.Actor, in Upload) (v AssetView, err error) {
	a, invalid := in.asset() // outside, for the image is none of the transaction's business
	err = m.write(ctx, actor, rootOf(in.Org), func(tx *Tx) error {
		at, err := tx.desk(in.Org, MaySettings)
		if err != nil {
			return err
		}
		if invalid != nil {
			return invalid
		}
		switch had, err := tx.CountAssets(at.Org.ID); {
		case err != nil:
			return err
		case had >= MaxAssets:
			return souk.Invalid{{Field: "file", Reason: fmt.Sprintf("is one too many: an organization has at most %d images", MaxAssets)}}
		}
		a.Org, a.CreatedBy, a.UpdatedBy, a.CreatedAt, a.UpdatedAt = at.Org.ID, tx.actor.User, tx.actor.User, tx.at, tx.at
		if err := tx.InsertAsset(a, in.Content); err != nil {
			return err
		}
		if err := tx.audit("UploadAsset", at.Org, souk.ID{}, a.ID, nil, a); err != nil {
			return err
		}
		if err := tx.tellAsset(souk.AssetAdded, at, a); err != nil {
			return err
		}
		v, err = tx.assetView(a)
		return err
	})
	return v, err
}

// asset is what an upload says and what its content is.
func (in Upload) asset() (souk.Asset, error) {
	a := souk.Asset{
		ID: souk.NewID(), Name: in.Name, Description: in.Description, FileName: baseName(in.FileName), Size: len(in.Content),
	}
	var p problems
	p.written("name", in.Name, MaxAssetName)
	p.characters("description", in.Description, MaxAssetDescription)
	if len(in.Content) > souk.MaxAsset {
		p.add("file", "must be at most %d bytes long", souk.MaxAsset)
		return a, p.err()
	}
	// The header alone: a small file may hold an image that takes gigabytes.
	header, format, err := image.DecodeConfig(bytes.NewReader(in.Content))
	a.ContentType, a.Width, a.Height = imageTypes[format], header.Width, header.Height
	switch {
	case err != nil || a.ContentType == "":
		p.add("file", "must be a PNG, JPEG or GIF image")
	case min(a.Width, a.Height) < 1 || max(a.Width, a.Height) > MaxAssetSide:
		p.add("file", "must be between 1 and %d pixels wide and high", MaxAssetSide)
	}
	return a, p.err()
}

// baseName is what a file is called, whatever system its path is of, without
// what cannot be seen. Of a long name it keeps the end, where the extension is.
func baseName(file string) string {
	name := path.Base(strings.ReplaceAll(file, `\`, "/"))
	name = strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, name))
	switch name {
	case "", ".", "..", "/":
		return "image"
	}
	characters := []rune(name)
	return string(characters[max(0, len(characters)-MaxFileName):])
}

// DeleteAsset deletes an image. The apps that show it show none from then on;
// that they changed is told of a few at once, and of the others by a job.
// Whoever holds settings in its org may, and the operator. It refuses
// NoSubscription, UnknownOrg, NotAllowed and UnknownAsset.
func (m *Market) DeleteAsset(ctx context.Context, actor souk.Actor, org, id souk.ID) error {
	return m.write(ctx, actor, rootAndIconOf(org, id), func(tx *Tx) error {
		at, err := tx.desk(org, MaySettings)
		if err != nil {
			return err
		}
		a, err := tx.AssetOf(at.Org.ID, id)
		if err != nil {
			return or(err, souk.UnknownAsset)
		}
		if err := tx.RemoveAsset(id); err != nil {
			return err
		}
		if err := tx.audit("DeleteAsset", at.Org, souk.ID{}, id, a, nil); err != nil {
			return err
		}
		if err := tx.tellAsset(souk.AssetRemoved, at, a); err != nil {
			return err
		}
		j := store.Job{Kind: store.TakeIcons, Org: at.Org.ID, Other: id, Verb: "DeleteAsset"}
		if left, err := tx.takeIcons(&j, few, time.Time{}); err != nil || !left {
			return err
		}
		return tx.later(j)
	})
}

// takeIcons takes a deleted image from up to limit apps of its org that have it
// as their icon, until a time; left tells that there may be more.
func (tx *Tx) takeIcons(j *store.Job, limit int, until time.Time) (left bool, err error) {
	var at place
	if at.Org, at.Enterprise, err = tx.OrgAndAbove(j.Org); err != nil {
		return false, err
	}
	apps, err := tx.AppsWithIcon(j.Other, limit)
	if err != nil {
		return false, err
	}
	for _, app := range apps {
		before := app
		app.Icon, app.UpdatedAt, app.UpdatedBy = souk.ID{}, tx.at, tx.actor.User
		if err := tx.PutApp(app); err != nil {
			return false, err
		}
		if err := tx.audit(j.Verb, at.Org, app.ID, app.ID, before, app); err != nil {
			return false, err
		}
		if err := tx.tellApp(souk.AppChanged, at, app, &before); err != nil {
			return false, err
		}
		j.After = souk.Position{At: tx.at, ID: app.ID}
		if late(until) {
			return true, nil
		}
	}
	return len(apps) == limit, nil
}

// tellAsset tells that an image came or went.
func (tx *Tx) tellAsset(kind souk.EventKind, at place, a souk.Asset) (err error) {
	e := tx.event(kind, at.Org, at.Enterprise, nil, a.ID)
	e.Data.Asset = &a
	if e.Data.Actor, err = tx.acting(); err != nil {
		return err
	}
	return tx.emit(e)
}

// rootAndIconOf finds the locks of a verb that deletes an image of an org's: the
// first of the apps that show it change. What shows an image of others is
// nobody's to lock.
func rootAndIconOf(org, icon souk.ID) func(*store.Tx) (store.Locks, error) {
	return func(tx *store.Tx) (store.Locks, error) {
		locks, err := rootOf(org)(tx)
		if err != nil {
			return locks, err
		}
		if _, err := tx.AssetOf(org, icon); err != nil {
			return locks, ignoreMissing(err) // fn refuses it
		}
		locks.ExclusiveApps, err = showing(tx, icon, few)
		return locks, err
	}
}

// showing lists up to limit apps that have an image as their icon.
func showing(tx *store.Tx, icon souk.ID, limit int) (ids []souk.ID, err error) {
	apps, err := tx.AppsWithIcon(icon, limit)
	for _, app := range apps {
		ids = append(ids, app.ID)
	}
	return ids, err
}

// Assets lists the images of an org, newest first unless the page says
// otherwise. Members may, and the operator. It refuses NoSubscription and
// UnknownOrg.
func (m *Market) Assets(ctx context.Context, actor souk.Actor, org souk.ID, page souk.Page) (views []AssetView, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		at, err := tx.desk(org, MayRead)
		if err != nil {
			return err
		}
		assets, err := tx.AssetsPage(at.Org.ID, page)
		if err != nil {
			return err
		}
		views, err = tx.assetViews(assets)
		return err
	})
	return views, err
}

// Asset finds one image of an org, without its content. Members may, and the
// operator. It refuses NoSubscription, UnknownOrg and UnknownAsset.
func (m *Market) Asset(ctx context.Context, actor souk.Actor, org, id souk.ID) (v AssetView, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		at, err := tx.desk(org, MayRead)
		if err != nil {
			return err
		}
		a, err := tx.AssetOf(at.Org.ID, id)
		if err != nil {
			return or(err, souk.UnknownAsset)
		}
		v, err = tx.assetView(a)
		return err
	})
	return v, err
}

// AnyAsset finds an image without its content, for anybody who knows its ID. It
// refuses UnknownAsset.
func (m *Market) AnyAsset(ctx context.Context, id souk.ID) (a souk.Asset, err error) {
	err = m.DB.Read(ctx, func(tx *store.Tx) (err error) {
		a, err = tx.Asset(id)
		return or(err, souk.UnknownAsset)
	})
	return a, err
}

// AssetContent finds an image with its content, for anybody who knows its ID.
// It refuses UnknownAsset.
func (m *Market) AssetContent(ctx context.Context, id souk.ID) (a souk.Asset, content []byte, err error) {
	err = m.DB.Read(ctx, func(tx *store.Tx) (err error) {
		a, content, err = tx.AssetContent(id)
		return or(err, souk.UnknownAsset)
	})
	return a, content, err
}

// assetViews adds to images who made and who changed them.
func (tx *Tx) assetViews(assets []souk.Asset) ([]AssetView, error) {
	var users []souk.ID
	for _, a := range assets {
		users = some(users, a.CreatedBy, a.UpdatedBy)
	}
	userOf, err := tx.Users(unique(users))
	if err != nil {
		return nil, err
	}
	views := make([]AssetView, len(assets))
	for i, a := range assets {
		views[i] = AssetView{Asset: a, Creator: found(userOf, a.CreatedBy), Updater: found(userOf, a.UpdatedBy)}
	}
	return views, nil
}

// assetView is one image of assetViews.
func (tx *Tx) assetView(a souk.Asset) (AssetView, error) {
	views, err := tx.assetViews([]souk.Asset{a})
	if err != nil {
		return AssetView{}, err
	}
	return views[0], nil
}
