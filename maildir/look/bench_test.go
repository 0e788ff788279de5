package look

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkLook reads a folder of 50,000 known files in which one has another name: first by its mtimes, then by its names.
func BenchmarkLook(b *testing.B) {
	f := folder(b, b.TempDir(), "box")
	known := memory{}
	for n := range 50000 {
		rel := fmt.Sprintf("cur/%d.M%dP1.host,S=300:2,S", 1763763600+n, n)
		known[f] = append(known[f], row{rel: rel})
		must(b, os.WriteFile(filepath.Join(string(f.Dir), rel), nil, 0o600))
	}
	e := known[f][7].File()
	must(b, os.Rename(f.Dir.Path(e), filepath.Join(string(f.Dir), "cur", string(e.Key)+":2,")))
	rest(b, f)
	now, err := f.Dir.Parts()
	must(b, err)
	for name, recorded := range map[string]bool{"rests": true, "changed": false} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if f.Stamp.Cur = 0; recorded {
					f.Stamp = now.Stamp
				}
				v, err := Look(b.Context(), []*Folder{f}, known, Options{})
				if must(b, err); len(v.Of(f).Files) == 0 != recorded {
					b.Fatal(v.Of(f))
				}
			}
		})
	}
}
