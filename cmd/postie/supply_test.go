package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const licencesPage = "../../.github/LICENCES.md"

// Whatever postie is built from has a licence that lets anybody pass postie on, and stands in the list with it. A module with
// another licence, or whose licence changes, fails here. POSTIE_TEST_WRITE=1 writes the list anew.
func TestLicences(t *testing.T) {
	var page strings.Builder
	page.WriteString("# What postie is built from\n\nEach module that is part of the program, with its licence; `TestLicences` in cmd/postie compares this list with the build, and\n" +
		"`POSTIE_TEST_WRITE=1 go test -run TestLicences ./cmd/postie` writes it.\n\n| module | licence |\n|---|---|\n")
	modules := built(t)
	for _, m := range modules {
		path, dir, _ := strings.Cut(m, "\t")
		fmt.Fprintf(&page, "| %s | %s |\n", path, licence(t, path, dir))
	}
	if len(modules) < 20 {
		t.Errorf("only %d modules: %q", len(modules), modules)
	}
	if os.Getenv("POSTIE_TEST_WRITE") != "" {
		if err := os.WriteFile(licencesPage, []byte(page.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(licencesPage); err != nil || string(have) != page.String() {
		t.Errorf("%s is not what is built (%v): POSTIE_TEST_WRITE=1 writes it anew", licencesPage, err)
	}
}

// built are the modules of postie on the systems that it is for: path, tab, folder.
func built(t *testing.T) (modules []string) {
	t.Helper()
	for _, system := range []string{"linux", "darwin", "freebsd"} {
		cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Dir}}{{end}}{{end}}", ".")
		cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v", cmd, err)
		}
		modules = append(modules, strings.Split(strings.TrimSpace(string(out)), "\n")...)
	}
	slices.Sort(modules)
	return slices.Compact(modules)
}

// licence names the licences of a module, by words that stand in each of them; one that is not known here is a failure.
func licence(t *testing.T, module, dir string) string {
	t.Helper()
	known := [][2]string{
		{"Apache License Version 2.0", "Apache-2.0"},
		{"Permission is hereby granted, free of charge, to any person obtaining a copy", "MIT"},
		{"Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee", "ISC"},
		{"Neither the name of", "BSD-3-Clause"},
		{"Redistribution and use in source and binary forms", "BSD-2-Clause"}, // without the clause above
		{"The author disclaims copyright to this source code", "public domain"},
		{"SQLite is in the Public Domain", "public domain"},
		{"dedicated to the public domain", "public domain"},
	}
	files, err := filepath.Glob(filepath.Join(dir, "LICEN*"))
	if err != nil || len(files) == 0 {
		t.Errorf("%s has no licence in %s: %v", module, dir, err)
	}
	var names []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
		}
		words := strings.Join(strings.Fields(string(text)), " ")
		i := slices.IndexFunc(known, func(k [2]string) bool { return strings.Contains(words, k[0]) })
		switch {
		case strings.HasSuffix(file, "LICENSE-LOGO"): // of a picture that is no part of the program
		case i < 0:
			t.Errorf("%s: the licence in %s is none of those that are known here: read it, and add it if postie may be passed on with it", module, file)
		default:
			names = append(names, known[i][1])
		}
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

// Whoever builds the same sources in another folder gets the same program, octet for octet, so that it can be checked what a
// program was built from. With POSTIE_TEST_LONG=1 the second is built without anything of the first.
func TestReproducible(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it builds the program twice")
	}
	var sums [2][sha256.Size]byte
	for i := range sums {
		source, program := filepath.Join(t.TempDir(), fmt.Sprintf("folder-%d", i)), filepath.Join(t.TempDir(), "postie")
		for _, folder := range []string{"cmd", "imap", "maildir", "pop3", "testdata"} {
			if err := os.CopyFS(filepath.Join(source, folder), os.DirFS(filepath.Join("../..", folder))); err != nil {
				t.Fatal(err)
			}
		}
		for _, file := range []string{"go.mod", "go.sum"} {
			content, err := os.ReadFile(filepath.Join("../..", file))
			if err := errors.Join(err, os.WriteFile(filepath.Join(source, file), content, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		args := []string{"build", "-trimpath", "-buildvcs=false", "-o", program, "./cmd/postie"}
		if i == 1 && os.Getenv("POSTIE_TEST_LONG") != "" {
			args = slices.Insert(args, 1, "-a")
		}
		cmd := exec.Command("go", args...)
		cmd.Dir, cmd.Env = source, append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		content, err := os.ReadFile(program)
		if err != nil {
			t.Fatal(err)
		}
		if sums[i] = sha256.Sum256(content); bytes.Contains(content, []byte(source)) {
			t.Errorf("the program says where it was built: %s", source)
		}
	}
	if sums[0] != sums[1] {
		t.Errorf("two builds of the same sources: %x and %x", sums[0], sums[1])
	}
	t.Logf("sha256 %x", sums[0])
}
