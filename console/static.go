package console

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"souk/web"
)

const staticPath = "/console/static/"

//go:embed static
var staticFiles embed.FS

// asset is a file that pages load. Its name says what is in it, so that
// browsers may keep it for ever.
type asset struct {
	contentType string
	body        []byte
}

// assets are the files by the name in their address.
type assets struct {
	files map[string]asset
	names map[string]string // by the name in the source
}

func loadAssets() assets {
	a := assets{map[string]asset{}, map[string]string{}}
	err := fs.WalkDir(staticFiles, "static", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := staticFiles.ReadFile(file)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		name, suffix := path.Base(file), path.Ext(file)
		hashed := strings.TrimSuffix(name, suffix) + "." + hex.EncodeToString(sum[:8]) + suffix
		a.names[name] = hashed
		a.files[hashed] = asset{mime.TypeByExtension(suffix), body}
		return nil
	})
	if err != nil {
		panic(err)
	}
	return a
}

// path is where browsers find the file that the source calls name.
func (a assets) path(name string) (string, error) {
	hashed, ok := a.names[name]
	if !ok {
		return "", fmt.Errorf("there is no static file %q", name)
	}
	return staticPath + hashed, nil
}

// static serves the files. Names of the past are gone.
func (h *Handler) static() http.Handler {
	missing := h.serve(nil)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := h.assets.files[r.PathValue("file")]
		if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead {
			missing.ServeHTTP(w, r)
			return
		}
		web.Note(r.Context(), "face", face)
		h.guardHeaders(w.Header())
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		w.Header().Set("Content-Type", f.contentType)
		if _, err := w.Write(f.body); err != nil {
			h.log.InfoContext(r.Context(), "console file was not taken", "err", err)
		}
	})
}
