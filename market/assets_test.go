package market_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"slices"
	"strings"
	"testing"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/store"
)

// picture draws an image of one color.
func picture(t *testing.T, format string, width, height int) []byte {
	t.Helper()
	canvas := image.NewPaletted(image.Rect(0, 0, width, height), color.Palette{color.Black})
	var b bytes.Buffer
	var err error
	switch format {
	case "png":
		err = png.Encode(&b, canvas)
	case "jpeg":
		err = jpeg.Encode(&b, canvas, nil)
	case "gif":
		err = gif.Encode(&b, canvas, nil)
	}
	if err != nil || b.Len() == 0 {
		t.Fatalf("no %s: %v", format, err)
	}
	return b.Bytes()
}

// show has apps show an image.
func (w *town) show(icon souk.ID, apps ...string) {
	w.t.Helper()
	for _, app := range apps {
		w.changeApp(app, func(a *souk.App) { a.Icon = icon })
	}
}

func (w *town) appNamed(name string) (a souk.App) {
	w.t.Helper()
	w.read(func(tx *store.Tx) (err error) { a, err = tx.App(w.app[name]); return err })
	return a
}

func TestImages(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		var made []souk.ID
		for _, tt := range []struct {
			format, contentType string
			width, height       int
		}{
			{"png", "image/png", 64, 32},
			{"jpeg", "image/jpeg", market.MaxAssetSide, 1},
			{"gif", "image/gif", 1, 48},
		} {
			content := picture(t, tt.format, tt.width, tt.height)
			in := market.Upload{Org: w.hq, Name: tt.format, Description: "a square", FileName: "icons/a.exe", Content: content}
			v := must(w.m.UploadAsset(ctx, w.as("sid"), in))(t)
			if v.Org != w.hq || v.Name != tt.format || v.Description != "a square" || v.FileName != "a.exe" ||
				v.ContentType != tt.contentType || v.Size != len(content) || v.Width != tt.width || v.Height != tt.height ||
				v.CreatedBy != w.user["sid"] || v.UpdatedBy != w.user["sid"] || v.CreatedAt.IsZero() || v.UpdatedAt != v.CreatedAt {
				t.Errorf("made %+v of a %s", v.Asset, tt.format)
			}
			if v.Creator == nil || v.Creator.FirstName != "sid" || v.Updater == nil || v.Updater.ID != v.Creator.ID {
				t.Errorf("made by %+v, changed by %+v", v.Creator, v.Updater)
			}
			// Whoever belongs there finds it, and anybody sees it.
			if found := must(w.m.Asset(ctx, w.as("jane"), w.hq, v.ID))(t); found.Asset != v.Asset || *found.Creator != *v.Creator {
				t.Errorf("found %+v, made %+v", found, v)
			}
			a, served, err := w.m.AssetContent(ctx, v.ID)
			if err != nil || a != v.Asset || !bytes.Equal(served, content) {
				t.Errorf("served %+v and %d bytes: %v", a, len(served), err)
			}
			made = append(made, v.ID)
		}
		if v := must(w.m.UploadAsset(ctx, operator, market.Upload{Org: w.hq, Name: "x", Content: picture(t, "png", 1, 1)}))(t); v.Creator != nil || v.Updater != nil {
			t.Errorf("the operator is %+v and %+v", v.Creator, v.Updater)
		} else {
			made = append(made, v.ID)
		}
		must(w.m.UploadAsset(ctx, w.as("gus"), market.Upload{Org: w.globex, Name: "theirs", Content: picture(t, "png", 1, 1)}))(t)

		list := func(page souk.Page) (ids []souk.ID, last souk.Position) {
			t.Helper()
			for _, v := range must(w.m.Assets(ctx, w.as("jane"), w.hq, page))(t) {
				ids, last = append(ids, v.ID), souk.Position{At: v.CreatedAt, ID: v.ID}
			}
			return ids, last
		}
		oldest, _ := list(souk.Page{Size: 9, Order: souk.OldestFirst})
		if !slices.Equal(oldest, made) {
			t.Errorf("oldest first %v, made %v", oldest, made)
		}
		slices.Reverse(made)
		newer, last := list(souk.Page{Size: 3})
		older, _ := list(souk.Page{Size: 3, After: last})
		if got := slices.Concat(newer, older); len(newer) != 3 || !slices.Equal(got, made) {
			t.Errorf("two pages %v, made %v", got, made)
		}
		wantList(t, "in the audit", w.rows(`SELECT verb FROM audit`), slices.Repeat([]string{"UploadAsset"}, 5)...)
		wantList(t, "events", w.rows(`SELECT kind FROM events`), slices.Repeat([]string{"asset.added"}, 5)...)
		w.checkAudit()
	})
}

func TestWhatFilesAreCalled(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		content := picture(t, "png", 1, 1)
		for file, want := range map[string]string{
			"icon.png":                 "icon.png",
			"/etc/passwd":              "passwd",
			"../../icon.png":           "icon.png",
			`C:\Users\sid\my icon.png`: "my icon.png",
			"ico\x00n\r\n.png":         "icon.png",
			"gnp.\u202enoci":           "gnp.noci",
			"ic\xffon.png":             "icon.png",
			"Bärchen 🐻.gif":            "Bärchen 🐻.gif",
			" icon.png ":               "icon.png",
			"":                         "image",
			"..":                       "image",
			"icons/..":                 "image",
			"/":                        "image",
			"\x00":                     "image",
			strings.Repeat("ä", market.MaxFileName+50) + ".png": strings.Repeat("ä", market.MaxFileName-4) + ".png",
		} {
			in := market.Upload{Org: w.hq, Name: "x", FileName: file, Content: content}
			if v := must(w.m.UploadAsset(context.Background(), w.as("sid"), in))(t); v.FileName != want {
				t.Errorf("%q is called %q, want %q", file, v.FileName, want)
			}
		}
	})
}

func TestWhatIsNoImage(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		before := w.digest("assets", "events", "audit")
		icon := picture(t, "png", 8, 8)
		flat := picture(t, "gif", 1, 1)
		copy(flat[6:10], []byte{0, 0, 0, 0}) // the width and height of a GIF's screen
		for _, tt := range []struct {
			name, field string
			change      func(*market.Upload)
		}{
			{"no name", "name", func(in *market.Upload) { in.Name = "" }},
			{"a blank name", "name", func(in *market.Upload) { in.Name = " \t" }},
			{"a long name", "name", func(in *market.Upload) { in.Name = strings.Repeat("x", market.MaxAssetName+1) }},
			{"a name with NUL", "name", func(in *market.Upload) { in.Name = "a\x00b" }},
			{"a long description", "description", func(in *market.Upload) { in.Description = strings.Repeat("x", market.MaxAssetDescription+1) }},
			{"a description in broken UTF-8", "description", func(in *market.Upload) { in.Description = "\xff" }},
			{"no content", "file", func(in *market.Upload) { in.Content = nil }},
			{"text with the name of an image", "file", func(in *market.Upload) { in.Content, in.FileName = []byte("<script>alert(1)</script>"), "icon.png" }},
			{"a drawing that runs scripts", "file", func(in *market.Upload) {
				in.Content = []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>`)
			}},
			{"the beginning of an image", "file", func(in *market.Upload) { in.Content = icon[:12] }},
			{"an image behind something else", "file", func(in *market.Upload) { in.Content = append([]byte("x"), icon...) }},
			{"an image without a pixel", "file", func(in *market.Upload) { in.Content = flat }},
			{"a wide image", "file", func(in *market.Upload) { in.Content = picture(t, "png", market.MaxAssetSide+1, 1) }},
			{"a high image", "file", func(in *market.Upload) { in.Content = picture(t, "gif", 1, market.MaxAssetSide+1) }},
			{"a large file", "file", func(in *market.Upload) { in.Content = append(slices.Clone(icon), make([]byte, souk.MaxAsset)...) }},
		} {
			in := market.Upload{Org: w.hq, Name: "icon", FileName: "icon.png", Content: icon}
			tt.change(&in)
			var invalid souk.Invalid
			err := drop(w.m.UploadAsset(context.Background(), w.as("sid"), in))
			if !errors.As(err, &invalid) || len(invalid) != 1 || invalid[0].Field != tt.field || invalid[0].Reason == "" {
				t.Errorf("%s: %v, want one problem with %s", tt.name, err, tt.field)
			}
		}
		var invalid souk.Invalid
		err := drop(w.m.UploadAsset(context.Background(), w.as("sid"), market.Upload{Org: w.hq, Description: "\x00"}))
		if !errors.As(err, &invalid) || len(invalid) != 3 {
			t.Errorf("everything wrong: %v", err)
		}
		if w.digest("assets", "events", "audit") != before {
			t.Error("what was refused changed something")
		}
		whole := market.Upload{Org: w.hq, Name: strings.Repeat("ä", market.MaxAssetName), Content: append(slices.Clone(icon), make([]byte, souk.MaxAsset-len(icon))...)}
		if v := must(w.m.UploadAsset(context.Background(), w.as("sid"), whole))(t); v.Size != souk.MaxAsset {
			t.Errorf("the largest image has %d bytes", v.Size)
		}
	})
}

func TestDeletingAnImage(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		upload := func() souk.ID {
			return must(w.m.UploadAsset(ctx, w.as("vic"), market.Upload{Org: w.vendor, Name: "icon", Content: picture(t, "png", 8, 8)}))(t).ID
		}
		icon, other := upload(), upload()
		w.show(icon, "chat", "files", "gone")
		w.show(other, "tool")
		tool := w.appNamed("tool")

		ok(t, w.m.DeleteAsset(ctx, w.as("vic"), w.vendor, icon))
		for _, name := range []string{"chat", "files"} {
			a := w.appNamed(name)
			if !a.Icon.IsZero() || !a.UpdatedAt.After(dawn) || a.UpdatedBy != w.user["vic"] {
				t.Errorf("%s shows %v, updated %v by %v", name, a.Icon, a.UpdatedAt, a.UpdatedBy)
			}
			e := w.lastEvent(w.vendor, w.app[name])
			if e.Kind != souk.AppChanged || e.Data.App.Icon != (souk.ID{}) || e.Data.Before == nil || e.Data.Before.App.Icon != icon || e.Data.Actor.ID != w.user["vic"] {
				t.Errorf("%s: told %s with %+v, before %+v", name, e.Kind, e.Data.App, e.Data.Before)
			}
		}
		if a := w.appNamed("tool"); a.Icon != other || a.UpdatedAt != tool.UpdatedAt {
			t.Errorf("an app that shows another image was changed to %+v", a)
		}
		wantRefusal(t, "finding it", drop(w.m.Asset(ctx, w.as("vic"), w.vendor, icon)), souk.UnknownAsset)
		_, _, err := w.m.AssetContent(ctx, icon)
		wantRefusal(t, "seeing it", err, souk.UnknownAsset)
		wantRefusal(t, "deleting it again", w.m.DeleteAsset(ctx, w.as("vic"), w.vendor, icon), souk.UnknownAsset)
		ok(t, w.m.DeleteAsset(ctx, operator, w.vendor, other))

		wantList(t, "in the audit", w.rows(`SELECT verb FROM audit`),
			"DeleteAsset", "DeleteAsset", "DeleteAsset", "DeleteAsset", "DeleteAsset", "UploadAsset", "UploadAsset")
		wantList(t, "events", w.rows(`SELECT kind FROM events`),
			"app.changed", "app.changed", "app.changed", "asset.added", "asset.added", "asset.removed", "asset.removed")
		w.checkAudit()
	})
}

// Beyond a few, the apps that showed an image lose it by a job. The image itself
// is gone at once, and so no app is seen with it.
func TestDeletingAnImageOfManyApps(t *testing.T) {
	souktest.EachAddress(t, func(t *testing.T, address string) {
		const many = 60
		w := newTown(t, address)
		ctx := context.Background()
		icon := must(w.m.UploadAsset(ctx, w.as("vic"), market.Upload{Org: w.vendor, Name: "icon", Content: picture(t, "png", 8, 8)}))(t).ID
		w.write(func(tx *store.Tx) error {
			var failed []error
			for i := range many {
				failed = append(failed, tx.PutApp(souk.App{ID: souk.NewID(), Owner: w.vendor, Name: fmt.Sprint("app", i), Kind: souk.ThirdParty,
					Listing: souk.Draft, Icon: icon, CreatedAt: dawn, UpdatedAt: dawn}))
			}
			return errors.Join(failed...)
		})
		begun := false
		w.m.Begun = func() { begun = true }
		ok(t, w.m.DeleteAsset(ctx, w.as("vic"), w.vendor, icon))
		const showing = `SELECT count(*) FROM apps WHERE icon_id = $1`
		if n := w.count(showing, icon); n != many-20 || !begun || w.count(`SELECT count(*) FROM jobs`) != 1 {
			t.Errorf("%d apps are to be changed yet, %d jobs, begun: %v", n, w.count(`SELECT count(*) FROM jobs`), begun)
		}
		for _, v := range must(w.m.OwnedApps(ctx, w.as("vic"), w.vendor, souk.Page{Size: 100}))(t) {
			if v.IconAsset != nil {
				t.Errorf("%s is seen with %s", v.Name, v.IconAsset.ID)
			}
		}
		w.m.Begun = nil
		if steps := w.takeTurns(address); steps < 2 {
			t.Errorf("%d steps", steps)
		}
		if n := w.count(showing, icon); n != 0 || w.count(`SELECT count(*) FROM jobs`) != 0 {
			t.Errorf("%d apps are left, %d jobs", n, w.count(`SELECT count(*) FROM jobs`))
		}
		for what, query := range map[string]string{
			"changes told":    `SELECT count(*) FROM events WHERE kind = 'app.changed' AND root_id = $1`,
			"apps told of":    `SELECT count(DISTINCT app_id) FROM events WHERE kind = 'app.changed' AND root_id = $1`,
			"apps on record":  `SELECT count(DISTINCT app_id) FROM audit WHERE verb = 'DeleteAsset' AND root_id = $1 AND app_id IS NOT NULL`,
			"apps up to date": `SELECT count(*) FROM apps WHERE owner_id = $1 AND updated_by IS NOT NULL`,
		} {
			if n := w.count(query, w.vendor); n != many {
				t.Errorf("%d %s, want %d", n, what, many)
			}
		}
		w.checkAudit()
	})
}

func TestAsManyImagesAsThereMayBe(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		in := market.Upload{Org: w.vendor, Name: "icon", Content: picture(t, "png", 1, 1)}
		w.write(func(tx *store.Tx) error {
			var failed []error
			for range market.MaxAssets - 1 {
				failed = append(failed, tx.InsertAsset(souk.Asset{ID: souk.NewID(), Org: w.vendor, ContentType: "image/png", Size: len(in.Content),
					Width: 1, Height: 1, CreatedAt: dawn, UpdatedAt: dawn}, in.Content))
			}
			return errors.Join(failed...)
		})
		last := must(w.m.UploadAsset(context.Background(), w.as("vic"), in))(t)
		var bad souk.Invalid
		if err := drop(w.m.UploadAsset(context.Background(), w.as("vic"), in)); !errors.As(err, &bad) || bad[0].Field != "file" {
			t.Errorf("one too many: %v", err)
		}
		ok(t, w.m.DeleteAsset(context.Background(), w.as("vic"), w.vendor, last.ID))
		must(w.m.UploadAsset(context.Background(), w.as("vic"), in))(t)
	})
}

// lastEvent is what happened last to an app of a root org's.
func (w *town) lastEvent(root, app souk.ID) (last souk.Event) {
	w.t.Helper()
	w.read(func(tx *store.Tx) error {
		events, err := tx.EventsOf(root)
		for _, e := range events {
			if e.App == app {
				last = e
			}
		}
		return err
	})
	return last
}

func TestWhoMayWhatWithImages(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		content := picture(t, "png", 1, 1)
		theirs := must(w.m.UploadAsset(ctx, operator, market.Upload{Org: w.globex, Name: "theirs", Content: content}))(t).ID
		ours := must(w.m.UploadAsset(ctx, operator, market.Upload{Org: w.hq, Name: "ours", Content: content}))(t).ID
		nobodys := souk.NewID()
		wide := w.through("ada", w.install("eve", "manager", w.acme, w.hq)) // reaches acme and hq
		w.changeOrg(w.vendor, func(o *souk.Org) { o.HasActiveSubscription = false })
		before := w.digest("assets", "apps", "events", "audit")

		upload := func(actor souk.Actor, org souk.ID) func() error {
			return func() error { return drop(w.m.UploadAsset(ctx, actor, market.Upload{Org: org})) } // invalid, which is said last
		}
		remove := func(actor souk.Actor, org, id souk.ID) func() error {
			return func() error { return w.m.DeleteAsset(ctx, actor, org, id) }
		}
		one := func(actor souk.Actor, org, id souk.ID) func() error {
			return func() error { return drop(w.m.Asset(ctx, actor, org, id)) }
		}
		all := func(actor souk.Actor, org souk.ID) func() error {
			return func() error { return drop(w.m.Assets(ctx, actor, org, souk.Page{Size: 9})) }
		}
		for _, row := range []refused{
			{"upload: at another root", upload(w.as("gus"), w.hq), souk.UnknownOrg},
			{"upload: at an org that is not there", upload(w.as("gus"), nobodys), souk.UnknownOrg},
			{"upload: at an org that is not there, as the operator", upload(operator, nobodys), souk.UnknownOrg},
			{"upload: without settings", upload(w.as("una"), w.hq), souk.NotAllowed},
			{"upload: without a subscription", upload(w.as("vic"), w.vendor), souk.NoSubscription},
			{"upload: with a token that does not reach it", upload(wide, w.lab), souk.UnknownOrg},
			{"delete: at another root", remove(w.as("gus"), w.hq, ours), souk.UnknownOrg},
			{"delete: another root's, at one's own org", remove(w.as("gus"), w.globex, ours), souk.UnknownAsset},
			{"delete: a sibling workspace's", remove(w.as("liz"), w.lab, ours), souk.UnknownAsset},
			{"delete: what is not there", remove(w.as("sid"), w.hq, nobodys), souk.UnknownAsset},
			{"delete: another root's, as the operator elsewhere", remove(operator, w.hq, theirs), souk.UnknownAsset},
			{"delete: without settings", remove(w.as("una"), w.hq, ours), souk.NotAllowed},
			{"delete: without a subscription", remove(w.as("vic"), w.vendor, ours), souk.NoSubscription},
			{"one: at another root", one(w.as("gwen"), w.hq, ours), souk.UnknownOrg},
			{"one: another root's, at one's own org", one(w.as("jane"), w.hq, theirs), souk.UnknownAsset},
			{"one: what is not there", one(w.as("jane"), w.hq, nobodys), souk.UnknownAsset},
			{"one: without a subscription", one(w.as("val"), w.vendor, ours), souk.NoSubscription},
			{"all: of another root", all(w.as("gwen"), w.hq), souk.UnknownOrg},
			{"all: of an org that is not there", all(w.as("gwen"), nobodys), souk.UnknownOrg},
			{"all: without a subscription", all(w.as("val"), w.vendor), souk.NoSubscription},
			{"all: as nobody", all(souk.Actor{Face: "test"}, w.hq), souk.NotAllowed},
		} {
			wantRefusal(t, row.name, row.call(), row.want)
		}
		_, _, err := w.m.AssetContent(ctx, nobodys)
		wantRefusal(t, "content of what is not there", err, souk.UnknownAsset)
		if w.digest("assets", "apps", "events", "audit") != before {
			t.Error("what was refused changed something")
		}
		must(w.m.UploadAsset(ctx, w.as("sam"), market.Upload{Org: w.hq, Name: "from above", Content: content}))(t)
		ok(t, w.m.DeleteAsset(ctx, wide, w.hq, ours))
	})
}
