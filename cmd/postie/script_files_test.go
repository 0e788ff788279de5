package main

import (
	"os"

	"github.com/rogpeppe/go-internal/testscript"

	"postie/maildir"
)

// first is the path of the first file of a Maildir, by its key.
func first(ts *testscript.TestScript, name string) string {
	dir := maildir.Dir(ts.MkAbs(name))
	var least maildir.Entry
	for e, err := range dir.Scan() {
		ts.Check(err)
		if least.Name == "" || e.Key < least.Key {
			least = e
		}
	}
	return dir.Path(least)
}

// damage DIR: an octet of the first message of a Maildir becomes another one; nothing else about the file changes.
func damage(ts *testscript.TestScript, neg bool, args []string) {
	path := first(ts, args[0])
	info, err := os.Stat(path)
	ts.Check(err)
	text, err := os.ReadFile(path)
	ts.Check(err)
	text[len(text)-2] ^= 1
	ts.Check(os.WriteFile(path, text, 0o600))
	ts.Check(os.Chtimes(path, info.ModTime(), info.ModTime()))
}

// remove DIR: the first message of a Maildir is gone.
func remove(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(os.Remove(first(ts, args[0])))
}
