package main

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// contributing is .github/CONTRIBUTING.md, by which a newcomer comes in.
func contributing(t *testing.T) string {
	page, err := os.ReadFile("../../.github/CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// named is the room that a word means; "": none. Rooms below cmd/postie/internal are called by their last name.
func named(word string) string {
	for _, room := range []string{word, "cmd/postie/internal/" + strings.TrimPrefix(word, "…/internal/")} {
		if _, ok := rooms()[room]; ok {
			return room
		}
	}
	return ""
}

// What the page for newcomers says of the rooms is so: its drawing and its table have each room once, and what a room may import stands
// in the drawing on a line below it.
func TestDoor(t *testing.T) {
	_, rest, _ := strings.Cut(contributing(t), "## The rooms")
	section, _, _ := strings.Cut(rest, "\n## ")
	parts := strings.Split(section, "```")
	if len(parts) != 3 {
		t.Fatalf("the section of the rooms has %d parts", len(parts))
	}
	drawn, told := map[string]int{}, map[string]int{}
	for n, line := range strings.Split(parts[1], "\n") {
		for _, word := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" ·()", r) }) {
			if room := named(word); room != "" {
				if drawn[room] != 0 {
					t.Errorf("%s is drawn twice", room)
				}
				drawn[room] = n + 1
			}
		}
	}
	for line := range strings.Lines(parts[2]) {
		if cells := strings.Split(line, "|"); len(cells) > 2 {
			for _, quoted := range regexp.MustCompile("`[^`]+`").FindAllString(cells[1], -1) {
				told[named(strings.Trim(quoted, "`"))]++
			}
		}
	}
	for room, allowed := range rooms() {
		if path.Dir(room) == "testdata" { // one row stands for all
			continue
		}
		if drawn[room] == 0 || told[room] != 1 {
			t.Errorf("%s: on line %d of the drawing, in %d rows of the table", room, drawn[room], told[room])
		}
		for _, other := range allowed {
			if below := drawn[other]; below != 0 && below <= drawn[room] {
				t.Errorf("%s may import %s, which is not drawn below it", room, other)
			}
		}
	}
}

// The tests and files that the page names are there.
func TestDoorNames(t *testing.T) {
	var tests strings.Builder
	var files []string
	err := filepath.WalkDir("../..", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files = append(files, filepath.ToSlash(file))
		if strings.HasSuffix(file, "_test.go") {
			source, err := os.ReadFile(file)
			tests.Write(source)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	page := contributing(t)
	names := regexp.MustCompile(`Test[A-Z]\w+…?`).FindAllString(page, -1)
	for _, name := range names {
		begun, more := strings.CutSuffix(name, "…")
		if !more {
			begun += "("
		}
		if !strings.Contains(tests.String(), "func "+begun) {
			t.Errorf("there is no test %s", name)
		}
	}
	paths := regexp.MustCompile("`[a-z][a-z0-9_/.]*\\.(go|json|md|txt)`").FindAllString(page, -1)
	for _, quoted := range paths {
		name := "/" + strings.Trim(quoted, "`")
		if !slices.ContainsFunc(files, func(file string) bool { return strings.HasSuffix(file, name) }) {
			t.Errorf("there is no file %s", name[1:])
		}
	}
	if len(names) < 20 || len(paths) < 20 {
		t.Errorf("the page names %d tests and %d files", len(names), len(paths))
	}
}

// Every test file of the program begins with a word of the map.
func TestMap(t *testing.T) {
	text, err := os.ReadFile("map_test.go")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*_test.go")
	if err != nil || len(files) < 20 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if word, _, _ := strings.Cut(file, "_"); word != "map" && !strings.Contains(string(text), "\n\t"+word+"_ ") {
			t.Errorf("map_test.go does not say what %s_ is about", word)
		}
	}
}
