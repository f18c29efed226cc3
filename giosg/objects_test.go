package giosg

import (
	"testing"
	"time"

	"souk"
)

func TestObjects(t *testing.T) {
	id := souk.ID{0x5b, 0x1f, 15: 3}
	const text = "5b1f0000-0000-0000-0000-000000000003"
	ada := &souk.User{ID: id, Org: id, FirstName: "Ada", LastName: "Virtanen", Alias: "A"}
	const shown = `{"id":"` + text + `","first_name":"Ada","last_name":"Virtanen","full_name":"Ada Virtanen","organization_id":"` + text +
		`","avatar_id":null,"avatar":null,"is_bot":false}`
	tests := []struct {
		object any
		want   string
	}{
		{nameOrg(souk.Org{ID: id, Name: "A & <Ö>"}), `{"id":"` + text + `","name":"A & <Ö>"}`},
		{nameApp(souk.App{ID: id, Name: "App"}), `{"id":"` + text + `","name":"App"}`},
		{showPerson(ada), shown},
		{showPerson(nil), "null"},
		{showAuthors(ada, nil), `{"created_by_user_id":"` + text + `","created_by_user":` + shown + `,"updated_by_user_id":null,"updated_by_user":null}`},
		{optionalID(id), `"` + text + `"`},
		{optionalID(souk.ID{}), "null"},
		{optionalText("a"), `"a"`},
		{optionalText(""), "null"},
		{stamp(time.Date(2026, 4, 1, 10, 0, 0, 999_999_999, time.FixedZone("", 7200))), `"2026-04-01T08:00:00.999Z"`},
		{stamp(time.Date(2026, 4, 1, 8, 0, 0, 0, time.UTC)), `"2026-04-01T08:00:00.000Z"`},
		{moment(time.Time{}), "null"},
		{moment(time.UnixMilli(1)), `"1970-01-01T00:00:00.001Z"`},
		{assetPath(souk.Asset{ID: id, ContentType: "image/png"}), `"/assets/` + text + `.png"`},
		{assetPath(souk.Asset{ID: id, ContentType: "image/jpeg"}), `"/assets/` + text + `.jpg"`},
		{assetPath(souk.Asset{ID: id, ContentType: "image/gif"}), `"/assets/` + text + `.gif"`},
	}
	for _, tt := range tests {
		if got, err := marshal(tt.object); err != nil || string(got) != tt.want {
			t.Errorf("%s (%v), want %s", got, err, tt.want)
		}
	}
}
