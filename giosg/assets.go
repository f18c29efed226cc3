package giosg

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"unicode/utf8"

	"souk"
	"souk/market"
	"souk/web"
)

var assetRoutes = []route{
	{"GET", "/orgs/{org}/assets", (*Handler).listAssets, orgMember},
	{"POST", "/orgs/{org}/assets", (*Handler).uploadAsset, orgSettings},
	{"GET", "/orgs/{org}/assets/{asset}", (*Handler).readAsset, orgMember},
	{"DELETE", "/orgs/{org}/assets/{asset}", (*Handler).deleteAsset, orgSettings},
}

// asset is an image as a resource of its own.
type asset struct {
	ID             souk.ID `json:"id"`
	Name           string  `json:"name"`
	Description    *string `json:"description"`
	OrganizationID souk.ID `json:"organization_id"`
	FileName       string  `json:"file_name"`
	URL            string  `json:"url"`
	Size           int     `json:"size"` // bytes
	ContentType    string  `json:"content_type"`
	Kind           string  `json:"kind"`
	Charset        *string `json:"charset"` // of texts, which Souk keeps none of
	CreatedAt      string  `json:"created_at"`
	UpdatedAt      string  `json:"updated_at"`
	authors
}

func (s site) asset(v market.AssetView) asset {
	return asset{
		ID: v.ID, Name: v.Name, Description: optionalText(v.Description), OrganizationID: v.Org, FileName: v.FileName,
		URL: string(s) + assetPath(v.Asset), Size: v.Size, ContentType: v.ContentType, Kind: "image",
		CreatedAt: stamp(v.CreatedAt), UpdatedAt: stamp(v.UpdatedAt), authors: showAuthors(v.Creator, v.Updater),
	}
}

// atAsset is where an asset stands in a list.
func atAsset(v market.AssetView) souk.Position { return souk.Position{At: v.CreatedAt, ID: v.ID} }

func (h *Handler) listAssets(c *call) (answer, error) {
	find := func(p souk.Page) ([]market.AssetView, error) { return h.market.Assets(c.ctx, c.Actor, c.org(), p) }
	return list(h, c, souk.NewestFirst, find, atAsset, h.site.asset)
}

func (h *Handler) readAsset(c *call) (answer, error) {
	v, err := h.market.Asset(c.ctx, c.Actor, c.org(), c.id("asset"))
	return shown(h.site.asset(v)), err
}

func (h *Handler) deleteAsset(c *call) (answer, error) {
	return noContent, h.market.DeleteAsset(c.ctx, c.Actor, c.org(), c.id("asset"))
}

func (h *Handler) uploadAsset(c *call) (answer, error) {
	f, err := c.upload()
	if err != nil {
		return answer{}, err
	}
	if said, has := f.members["description"]; has && strings.TrimSpace(spoken(said)) == "" {
		delete(f.members, "description") // not filled in
	}
	name := f.text("name", required, market.MaxAssetName)
	description := f.text("description", optional, market.MaxAssetDescription)
	file := f.file("file")
	if err := f.valid(); err != nil {
		return answer{}, err
	}
	v, err := h.market.UploadAsset(c.ctx, c.Actor, market.Upload{
		Org: c.org(), Name: *name, Description: orEmpty(description), FileName: file.name, Content: file.content,
	})
	return created(h.site.asset(v)), err
}

// Bounds of a form: its bytes, which are the largest image and the words beside
// it, and its parts, the end among them.
const (
	maxForm  = souk.MaxAsset + 64<<10
	maxParts = 101
)

// What Django REST framework says of files.
const (
	noFile  = "No file was submitted."
	notFile = "The submitted data was not a file. Check the encoding type on the form."
)

// upload is an object whose attributes came one by one, and files beside them.
type upload struct {
	*object
	files map[string]file
}

type file struct {
	name    string
	content []byte
}

// file is a file that must be there.
func (f upload) file(name string) file {
	found, has := f.files[name]
	switch _, words := f.members[name]; {
	case has:
	case words:
		f.reject(name, notFile)
	default:
		f.reject(name, noFile)
	}
	return found
}

// upload reads the body of a call that hands in a form.
func (c *call) upload() (upload, error) {
	contentTypes := c.request.Header.Values("Content-Type")
	kind, parameters, err := mime.ParseMediaType(strings.Join(contentTypes, ","))
	if err != nil || kind != "multipart/form-data" {
		return upload{}, unsupported(contentTypes)
	}
	raw, err := c.body(maxForm, malformedForm)
	if err != nil {
		return upload{}, err
	}
	f, err := readUpload(raw, parameters["boundary"])
	if err != nil {
		return upload{}, refusal(http.StatusBadRequest, fmt.Sprintf(malformedForm, clipped(err.Error())))
	}
	return f, nil
}

// readUpload takes a form apart. Of a name that comes twice the last counts.
func readUpload(raw []byte, boundary string) (upload, error) {
	f := upload{&object{members: map[string]json.RawMessage{}, faults: faults{}}, map[string]file{}}
	if boundary == "" {
		return f, errors.New("there is no boundary")
	}
	parts := multipart.NewReader(bytes.NewReader(raw), boundary)
	for range maxParts {
		part, err := parts.NextPart()
		if err == io.EOF {
			return f, nil
		}
		if err != nil {
			return f, err
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return f, err
		}
		if name := part.FileName(); name != "" {
			f.files[part.FormName()] = file{name, content}
			continue
		}
		if !utf8.Valid(content) {
			return f, errors.New("a text is not valid UTF-8")
		}
		if f.members[part.FormName()], err = json.Marshal(string(content)); err != nil {
			return f, err
		}
	}
	return f, fmt.Errorf("there are more than %d parts", maxParts-1)
}

// serveAsset answers anybody with an image. It never changes, and whatever it
// holds, a browser takes it for the image that it was found to be
// (docs/dialects/giosg.md, "Assets").
func (h *Handler) serveAsset(w http.ResponseWriter, r *http.Request) {
	web.Note(r.Context(), "face", face)
	web.Note(r.Context(), "call", "GET /assets/{file}")
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		h.refuse(w, r, refusal(http.StatusMethodNotAllowed, fmt.Sprintf(methodNotAllowed, clipped(r.Method))))
		return
	}
	found, err := h.image(r)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	header.Set("Cache-Control", "public, max-age=31536000, immutable")
	header.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	header.Set("Content-Type", found.ContentType)
	header.Set("ETag", `"`+found.ID.String()+`"`)
	content := unread{load: func() (content []byte, err error) {
		if _, content, err = h.market.AssetContent(r.Context(), found.ID); err != nil {
			web.Note(r.Context(), "error", err.Error())
		}
		return content, err
	}}
	http.ServeContent(w, r, "", found.CreatedAt, io.NewSectionReader(&content, 0, int64(found.Size)))
}

// unread is content that is loaded with its first byte: most who ask for an image
// that they have, or for its size, need none.
type unread struct {
	load    func() ([]byte, error)
	content []byte
}

func (u *unread) ReadAt(p []byte, at int64) (n int, err error) {
	if u.content == nil {
		if u.content, err = u.load(); err != nil {
			return 0, err
		}
	}
	return bytes.NewReader(u.content).ReadAt(p, at)
}

// image finds the image at an address that is spelled as we spell it.
func (h *Handler) image(r *http.Request) (souk.Asset, error) {
	name, _, _ := strings.Cut(r.PathValue("file"), ".")
	id, ok := parseID(name)
	if !ok {
		return souk.Asset{}, notFound
	}
	found, err := h.market.AnyAsset(r.Context(), id)
	if err == nil && r.URL.Path != assetPath(found) {
		err = notFound
	}
	return found, err
}
