package giosg

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"

	"souk"
	"souk/market"
)

const shopAssets = "/orgs/{orgs.shop}/assets"

// drawn is an image of one color.
func drawn(t *testing.T, format string, width, height int) []byte {
	t.Helper()
	canvas := image.NewPaletted(image.Rect(0, 0, width, height), color.Palette{color.Black})
	var b bytes.Buffer
	encode := map[string]func() error{
		"png":  func() error { return png.Encode(&b, canvas) },
		"jpeg": func() error { return jpeg.Encode(&b, canvas, nil) },
		"gif":  func() error { return gif.Encode(&b, canvas, nil) },
	}[format]
	if err := encode(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// formPart is what a form says in one place: a text, or a file when it has a name.
type formPart struct {
	name, fileName string
	content        []byte
}

func words(name, text string) formPart          { return formPart{name: name, content: []byte(text)} }
func icon(name string, content []byte) formPart { return formPart{"file", name, content} }

// hand hands in a form.
func (o *company) hand(t *testing.T, who, call string, parts ...formPart) reply {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		open := func() (io.Writer, error) { return w.CreateFormField(p.name) }
		if p.fileName != "" {
			open = func() (io.Writer, error) { return w.CreateFormFile(p.name, p.fileName) }
		}
		to, err := open()
		if err == nil {
			_, err = to.Write(p.content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return o.handRaw(t, who, call, w.FormDataContentType(), b.Bytes())
}

func (o *company) handRaw(t *testing.T, who, call, contentType string, body []byte) reply {
	t.Helper()
	r := o.request(t, who, call, "")
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Type", contentType)
	return o.send(t, r)
}

// fetch asks for an image at its address, as nobody.
func (o *company) fetch(t *testing.T, method, url string, header ...string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, o.url+strings.TrimPrefix(url, base), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return o.send(t, r)
}

func TestAssets(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		content := drawn(t, "png", 32, 16)
		reply := o.hand(t, "sam", "POST "+shopAssets, icon(`C:\Icons\shop.exe`, content), words("name", " Logo "), words("description", "Two\r\nlines"),
			words("content_type", "text/html"), words("id", "mine"))
		made := into[asset](t, reply, 201)
		id := made.ID.String()
		want := o.fill(`{"id":"` + id + `","name":"Logo","description":"Two\r\nlines","organization_id":"{orgs.shop}","file_name":"shop.exe",` +
			`"url":"https://souk.example/assets/` + id + `.png","size":` + fmt.Sprint(len(content)) + `,"content_type":"image/png","kind":"image","charset":null,` +
			`"created_at":"` + made.CreatedAt + `","updated_at":"` + made.CreatedAt + `","created_by_user_id":"{users.sam}","created_by_user":` + samShown +
			`,"updated_by_user_id":"{users.sam}","updated_by_user":` + samShown + `}`)
		if reply.body != want {
			t.Errorf("made: %s, want %s", reply.body, want)
		}
		item := shopAssets + "/" + id
		o.expect(t, "gone", 200, want, "GET "+item)
		o.expect(t, "gone", 200, `{"next":null,"previous":null,"results":[`+want+`]}`, "GET "+shopAssets)
		unknown := detailText(unknownText)
		o.expect(t, "sam", 404, unknown, "GET "+shopAssets+"/{nothing}", "DELETE "+shopAssets+"/{nothing}")
		o.expect(t, "solveig", 404, unknown, "GET /orgs/{orgs.solo}/assets/"+id, "DELETE /orgs/{orgs.solo}/assets/"+id)
		o.expect(t, "gone", 403, detailText(powerlessText), "DELETE "+item)
		if got := o.hand(t, "gone", "POST "+shopAssets, words("name", "x")); got.status != 403 {
			t.Errorf("handed in without the permission: %d %s", got.status, got.body)
		}
		if got := o.hand(t, "sam", "PUT "+item, words("name", "x")); got.status != 405 || got.header.Get("Allow") != "GET, DELETE, HEAD, OPTIONS" {
			t.Errorf("changed: %d %s", got.status, got.body)
		}

		// An app shows it, until it is deleted.
		clerk := "/orgs/{orgs.shop}/owned_apps/{apps.clerk}"
		app := into[ownedApp](t, o.call(t, "sam", "PATCH "+clerk, `{"icon_asset_id":"`+id+`"}`), 200)
		if app.IconAsset == nil || *app.IconAsset != (picture{made.ID, made.URL}) || *app.IconAssetID != made.ID {
			t.Errorf("shown by %+v", app)
		}
		o.expect(t, "sam", 204, "", "DELETE "+item)
		o.expect(t, "sam", 404, unknown, "DELETE "+item, "GET "+item)
		o.expect(t, "gone", 200, emptyPage, "GET "+shopAssets)
		if app := into[ownedApp](t, o.call(t, "sam", "GET "+clerk, ""), 200); app.IconAsset != nil || app.IconAssetID != nil {
			t.Errorf("still shown by %+v", app)
		}
		if got := o.fetch(t, "GET", made.URL); got.status != 404 {
			t.Errorf("still served: %d", got.status)
		}
	})
}

// Each app that showed an image is told to show none, at once or a moment later.
func TestToldOfADeletedImage(t *testing.T) {
	everyNewsroom(t, func(t *testing.T, n *newsroom) {
		made := into[asset](t, n.hand(t, "sam", "POST "+shopAssets, icon("i.png", drawn(t, "png", 8, 8)), words("name", "i")), 201)
		shown := map[string]bool{}
		for i := range 23 { // more than one transaction clears
			app := n.publishes(t, "sam", "shop", fmt.Sprint("App ", i), `,"icon_asset_id":"`+made.ID.String()+`"`)
			shown[app.ID.String()] = true
		}
		n.listen(t, hears("c", ofOrg+"owned_apps"))
		n.expect(t, "sam", 204, "", "DELETE "+shopAssets+"/"+made.ID.String())
		for more := true; more; {
			var err error
			if more, err = n.Market.StepJob(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for range len(shown) {
			l := n.next(t)
			if got := attributesOf(t, string(l.Resource)); !shown[l.ResourceID] || l.Action != souk.Changed ||
				!slices.Equal(got, []string{"icon_asset", "icon_asset_id", "id", "updated_at"}) ||
				!strings.Contains(l.body, `"icon_asset_id":null,"icon_asset":null`) {
				t.Errorf("told %s", l.body)
			}
			delete(shown, l.ResourceID)
		}
	})
}

// Whoever knows the address of an image sees it, and a browser does nothing with
// it but show it.
func TestServingAssets(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		for format, kind := range map[string]struct{ contentType, end string }{
			"png": {"image/png", ".png"}, "jpeg": {"image/jpeg", ".jpg"}, "gif": {"image/gif", ".gif"},
		} {
			// What follows the image would be a page to a browser that looks for one.
			content := append(drawn(t, format, 3, 4), "<html><script>alert(1)</script>"...)
			made := into[asset](t, o.hand(t, "sam", "POST "+shopAssets, words("name", format), icon("a.html", content)), 201)
			if made.ContentType != kind.contentType || !strings.HasSuffix(made.URL, made.ID.String()+kind.end) || made.Description != nil {
				t.Errorf("a %s is %+v", format, made)
			}
			got := o.fetch(t, "GET", made.URL)
			if got.status != 200 || got.body != string(content) {
				t.Errorf("%s: %d with %d bytes", format, got.status, len(got.body))
			}
			tag := `"` + made.ID.String() + `"`
			for name, want := range map[string]string{
				"Content-Type": kind.contentType, "Content-Length": fmt.Sprint(len(content)), "X-Content-Type-Options": "nosniff",
				"Cache-Control": "public, max-age=31536000, immutable", "Content-Security-Policy": "default-src 'none'; sandbox", "ETag": tag,
			} {
				if value := got.header.Get(name); value != want {
					t.Errorf("%s: %s: %s, want %s", format, name, value, want)
				}
			}
			changed := got.header.Get("Last-Modified")
			for _, tt := range []struct {
				method string
				header []string
				status int
				body   string
			}{
				{"HEAD", nil, 200, ""},
				{"GET", []string{"If-None-Match", tag}, 304, ""},
				{"HEAD", []string{"If-None-Match", `W/"x", ` + tag}, 304, ""},
				{"GET", []string{"If-None-Match", `"x"`}, 200, string(content)},
				{"GET", []string{"If-Modified-Since", changed}, 304, ""},
				{"GET", []string{"Range", "bytes=0-2"}, 206, string(content[:3])},
				{"GET", []string{"Authorization", "Token nobody"}, 200, string(content)},
			} {
				got := o.fetch(t, tt.method, made.URL, tt.header...)
				if got.status != tt.status || got.body != tt.body || got.header.Get("Cache-Control") != "public, max-age=31536000, immutable" || got.header.Get("ETag") != tag {
					t.Errorf("%s %v: %d with %d bytes, %v", tt.method, tt.header, got.status, len(got.body), got.header)
				}
			}
		}
	})
}

// There is nothing else at these addresses, and nothing else can be done there.
// What asks about an image reads none: its size is known without it.
func TestAskingAboutAnImage(t *testing.T) {
	everyNewsroom(t, func(t *testing.T, n *newsroom) {
		content := drawn(t, "png", 8, 8)
		made := into[asset](t, n.hand(t, "sam", "POST "+shopAssets, icon("i.png", content), words("name", "i")), 201)
		n.change(t, "UPDATE assets SET content = substr(content, 1, 1)")
		if got := n.fetch(t, "HEAD", made.URL); got.status != 200 || got.header.Get("Content-Length") != fmt.Sprint(len(content)) {
			t.Errorf("HEAD: %d with %v", got.status, got.header)
		}
		if got := n.fetch(t, "GET", made.URL, "If-None-Match", `"`+made.ID.String()+`"`); got.status != 304 {
			t.Errorf("a conditional GET: %d", got.status)
		}
	})
}

func TestAddressesOfAssets(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		made := into[asset](t, o.hand(t, "sam", "POST "+shopAssets, words("name", "x"), icon("x.png", drawn(t, "png", 1, 1))), 201)
		id := made.ID.String()
		for _, name := range []string{
			id, id + ".", id + ".jpg", id + ".PNG", id + ".png.png", id + ".png/", strings.ToUpper(id) + ".png", strings.ReplaceAll(id, "-", "") + ".png",
			souk.NewID().String() + ".png", "00000000-0000-0000-0000-000000000000.png", o.ID("apps.clerk").String() + ".png", "x.png", ".png", "%00", "%2e%2e", "",
		} {
			got := o.fetch(t, "GET", "/assets/"+name)
			if cache := got.header.Get("Cache-Control"); got.status != 404 || strings.Contains(cache, "public") {
				t.Errorf("%s: %d, Cache-Control %q", name, got.status, cache)
			}
		}
		for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
			got := o.fetch(t, method, made.URL)
			if got.status != 405 || got.header.Get("Allow") != "GET, HEAD" || got.body != detailText(`Method \"`+method+`\" not allowed.`) {
				t.Errorf("%s: %d %s, Allow %q", method, got.status, got.body, got.header.Get("Allow"))
			}
		}
		if err := o.db.Close(); err != nil {
			t.Fatal(err)
		}
		if got := o.fetch(t, "GET", made.URL); got.status != 503 || got.header.Get("Retry-After") == "" || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("without a database: %d %s, %v", got.status, got.body, got.header)
		}
	})
}

// padded is an image with as many bytes as it shall have.
func padded(t *testing.T, size int) []byte {
	t.Helper()
	content := drawn(t, "png", 1, 1)
	return append(content, make([]byte, size-len(content))...)
}

func TestBadAssets(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		good := icon("x.png", drawn(t, "png", 1, 1))
		named := words("name", "x")
		fits := words("name", strings.Repeat("ä", market.MaxAssetName))
		const noImage = `{"file":["must be a PNG, JPEG or GIF image"]}`
		const tooLarge = `{"file":["must be between 1 and 4096 pixels wide and high"]}`
		for _, tt := range []struct {
			what  string
			parts []formPart
			said  string
		}{
			{"nothing", nil, `{"file":["No file was submitted."],"name":["This field is required."]}`},
			{"no name", []formPart{good}, `{"name":["This field is required."]}`},
			{"a blank name", []formPart{good, words("name", " \t")}, `{"name":["This field may not be blank."]}`},
			{"a name too long", []formPart{good, words("name", string(fits.content)+"x")}, `{"name":["Ensure this field has no more than 200 characters."]}`},
			{"a name with NUL", []formPart{good, words("name", "a\x00b")}, `{"name":["Not a valid string."]}`},
			{"a description too long", []formPart{good, named, words("description", strings.Repeat("ä", market.MaxAssetDescription+1))},
				`{"description":["Ensure this field has no more than 2000 characters."]}`},
			{"no file", []formPart{named}, `{"file":["No file was submitted."]}`},
			{"a file as text", []formPart{named, words("file", "@x.png")}, `{"file":["The submitted data was not a file. Check the encoding type on the form."]}`},
			{"a file elsewhere", []formPart{named, {"image", "x.png", good.content}}, `{"file":["No file was submitted."]}`},
			{"an empty file", []formPart{named, icon("x.png", nil)}, noImage},
			{"a text", []formPart{named, icon("x.png", []byte("an image, believe me"))}, noImage},
			{"a script", []formPart{named, icon("x.png", []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`))}, noImage},
			{"a beginning", []formPart{named, icon("x.png", good.content[:12])}, noImage},
			{"too wide", []formPart{named, icon("x.png", drawn(t, "png", market.MaxAssetSide+1, 1))}, tooLarge},
			{"too high", []formPart{named, icon("x.gif", drawn(t, "gif", 1, market.MaxAssetSide+1))}, tooLarge},
			{"too many bytes", []formPart{named, icon("x.png", padded(t, souk.MaxAsset+1))}, `{"file":["must be at most 1048576 bytes long"]}`},
			{"not UTF-8", []formPart{good, words("name", "\xff")}, detailText("Multipart form parse error - a text is not valid UTF-8")},
		} {
			if got := o.hand(t, "sam", "POST "+shopAssets, tt.parts...); got.status != 400 || got.body != tt.said {
				t.Errorf("%s: %d %s, want %s", tt.what, got.status, got.body, tt.said)
			}
		}
		o.expect(t, "sam", 200, emptyPage, "GET "+shopAssets)
		longest := words("description", strings.Repeat("ä", market.MaxAssetDescription))
		for _, parts := range [][]formPart{
			{fits, longest, icon("x.png", padded(t, souk.MaxAsset))},
			{icon("wide.png", drawn(t, "png", market.MaxAssetSide, 1)), words("description", " "), words("name", "first"), words("name", "last")},
		} {
			into[asset](t, o.hand(t, "sam", "POST "+shopAssets, parts...), 201)
		}
		kept := into[listing[asset]](t, o.call(t, "sam", "GET "+shopAssets, ""), 200).Results
		if len(kept) != 2 || kept[0].Name != "last" || kept[0].Description != nil || kept[1].Name != string(fits.content) || kept[1].Size != souk.MaxAsset {
			t.Errorf("kept %+v", kept)
		}
	})
}

func TestBadForms(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		const form = "--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nx\r\n"
		broken := "Multipart form parse error - "
		for _, tt := range []struct {
			contentType, body string
			status            int
			said              string // what the detail begins with
		}{
			{"application/json", `{"name":"x"}`, 415, `Unsupported media type \"application/json\" in request.`},
			{"", form, 415, `Unsupported media type \"\" in request.`},
			{"multipart/mixed; boundary=b", form, 415, `Unsupported media type \"multipart/mixed; boundary=b\" in request.`},
			{"multipart/form-data; boundary=b; boundary=c", form, 415, "Unsupported media type"},
			{"multipart/form-data", form, 400, broken + "there is no boundary"},
			{"multipart/form-data; boundary=b", "", 400, broken},
			{"multipart/form-data; boundary=b", form, 400, broken},
			{"multipart/form-data; boundary=c", form + "--b--\r\n", 400, broken},
			{"multipart/form-data; boundary=b", "--b\r\nno header\r\n\r\nx\r\n--b--\r\n", 400, broken},
			{"multipart/form-data; boundary=b", "--b\r\n" + strings.Repeat("A: b\r\n", 20_000) + "\r\nx\r\n--b--\r\n", 400, broken},
			{"multipart/form-data; boundary=b", strings.Repeat(form, 101) + "--b--\r\n", 400, broken + "there are more than 100 parts"},
			{"multipart/form-data; boundary=b", strings.Repeat(form, 100) + "--b--\r\n", 400, ""}, // but for the file
		} {
			got := o.handRaw(t, "sam", "POST "+shopAssets, tt.contentType, []byte(tt.body))
			begins := `{"detail":"` + tt.said
			if tt.said == "" {
				begins = `{"file":["No file`
			}
			if got.status != tt.status || !strings.HasPrefix(got.body, begins) {
				t.Errorf("%s with %.50q: %d %s, want %d %s", tt.contentType, tt.body, got.status, got.body, tt.status, tt.said)
			}
		}
		for _, size := range []int{souk.MaxAsset + 64<<10, 5 << 20} {
			got := o.hand(t, "sam", "POST "+shopAssets, words("name", "x"), icon("x.png", padded(t, size)))
			if got.status != 413 || got.body != detailText("Request body too large.") || !got.closed {
				t.Errorf("%d bytes: %d %s, connection closed: %t", size, got.status, got.body, got.closed)
			}
		}
		// Nobody's form is read.
		if got := o.hand(t, "", "POST "+shopAssets, words("name", "x")); got.status != 401 {
			t.Errorf("nobody: %d %s", got.status, got.body)
		}
		o.expect(t, "sam", 200, emptyPage, "GET "+shopAssets)
	})
}

// Assets are listed newest first.
func TestOrderOfAssets(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		var made []souk.ID
		for range 3 {
			made = append(made, into[asset](t, o.hand(t, "sam", "POST "+shopAssets, words("name", "x"), icon("x.gif", drawn(t, "gif", 1, 1))), 201).ID)
		}
		slices.Reverse(made)
		var found []souk.ID
		for next := new("GET " + shopAssets + "?page_size=2"); next != nil; {
			p := into[listing[asset]](t, o.call(t, "gone", *next, ""), 200)
			for _, a := range p.Results {
				found = append(found, a.ID)
			}
			if next = p.Next; next != nil {
				next = new(follow(t, *next))
			}
		}
		if !slices.Equal(found, made) {
			t.Errorf("found %v, made %v", found, made)
		}
	})
}
