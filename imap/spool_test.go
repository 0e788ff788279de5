package imap

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

// What came too early lies in one file without a name, where it was told to, which is no longer than what was not given yet.
func TestSpool(t *testing.T) {
	dir := t.TempDir()
	s := spool{dir: func() string { return dir }}
	defer s.close()
	for _, size := range []int{1000, 10, 3000} {
		var bodies []io.Reader
		for _, c := range []string{"a", "b"} {
			body, err := s.put(strings.NewReader(strings.Repeat(c, size)))
			if err != nil {
				t.Fatal(err)
			}
			bodies = append(bodies, body)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("there is a file %s", left[0].Name())
		}
		if info, err := s.f.Stat(); err != nil || info.Size() != int64(2*size) {
			t.Errorf("%d octets for two of %d: %v", info.Size(), size, err)
		}
		for i, body := range bodies {
			got, err := io.ReadAll(body)
			if err != nil || string(got) != strings.Repeat(string('a'+rune(i)), size) {
				t.Errorf("%q, %v", got, err)
			}
			s.done()
		}
		if info, _ := s.f.Stat(); info.Size() != 0 {
			t.Errorf("%d octets are left", info.Size())
		}
	}
	s = spool{dir: func() string { return dir + "/none" }}
	if _, err := s.put(strings.NewReader("")); err == nil {
		t.Error("there is no such folder")
	}
}

// It takes no more than there is room for; what lies in it is given back as it was.
func TestSpoolIsFull(t *testing.T) {
	s := spool{dir: t.TempDir}
	defer s.close()
	body, err := s.put(strings.NewReader("one"))
	if err != nil {
		t.Fatal(err)
	}
	s.end = maxSpool - 1 // sparse
	if _, err := s.put(strings.NewReader("ab")); !errors.As(err, new(*ProtocolError)) {
		t.Errorf("%v", err)
	}
	if _, err := s.put(strings.NewReader("a")); err != nil {
		t.Error(err)
	}
	if got, err := io.ReadAll(body); string(got) != "one" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}
