package library

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"postie/cmd/postie/internal/paths"
	"postie/cmd/postie/internal/ui"
	"postie/maildir"
	mail "postie/maildir/message"
)

// attachmentList is the file that remembers what a folder of attachments was given: "HASH  NAME" for each file, as sha256sum writes it,
// and "HASH  /message" for each message of which all is there. What its user takes away does not come again.
const attachmentList = ".postie-attachments"

// ofMessage stands in the place of a name: a name has no slash.
const ofMessage = "/message"

// Attachments writes the attachments of messages into a folder, each content once, however often it was sent and however often this is run.
func (e *Exporter) Attachments(ctx context.Context, dir string, all []Ref) (written int, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 0, err
	}
	defer root.Close()
	list, err := root.OpenFile(attachmentList, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return 0, err
	}
	defer list.Close()
	a := &attachments{Exporter: e, root: root, dir: dir, list: list, known: map[string]bool{}}
	if err := a.recall(); err != nil {
		return 0, err
	}
	err = e.each(ctx, all, func(r Ref, i Item, file *os.File) error { return a.of(file) })
	return a.written, errors.Join(err, list.Sync())
}

type attachments struct {
	*Exporter
	root    *os.Root
	dir     string
	list    *os.File
	known   map[string]bool // hashes of files, and of messages with ofMessage behind
	written int
}

// recall reads the list. A last line that was cut off counts for nothing, and is ended.
func (a *attachments) recall() error {
	r := bufio.NewReader(a.list)
	for {
		line, err := r.ReadString('\n')
		hash, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		switch {
		case err == io.EOF && line != "":
			_, err = a.list.WriteString("\n")
			return err
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case ok && name == ofMessage:
			a.known[hash+ofMessage] = true
		case ok:
			a.known[hash] = true
		}
	}
}

// remember writes a line down. It is durable with the next file at the latest; until then the content of what is there tells.
func (a *attachments) remember(hash, name string) error {
	if name == ofMessage {
		a.known[hash+ofMessage] = true
	} else {
		a.known[hash] = true
	}
	_, err := fmt.Fprintf(a.list, "%s  %s\n", hash, name)
	return err
}

// of writes the attachments of a message, unless that was done.
func (a *attachments) of(file *os.File) error {
	wire, err := maildir.WireOf(file)
	if err != nil {
		return err
	}
	message := fmt.Sprintf("%x", wire.Hash)
	if a.known[message+ofMessage] {
		return nil
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	parts, _, err := mail.Parts(file)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if p.Attachment {
			if err := a.part(file, p); err != nil {
				return err
			}
		}
	}
	return a.remember(message, ofMessage)
}

// part writes one attachment: into a temporary file, which gets its name once it is durable and turns out to be new.
func (a *attachments) part(file *os.File, p mail.Part) error {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	tmp := ".postie-" + rand.Text()
	w, err := a.root.OpenFile(tmp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer a.root.Remove(tmp)
	sum := sha256.New()
	_, err = mail.WritePart(io.MultiWriter(w, sum), file, p.Number)
	hash := fmt.Sprintf("%x", sum.Sum(nil))
	if err != nil || a.known[hash] {
		return errors.Join(err, w.Close())
	}
	if err := errors.Join(w.Sync(), w.Close()); err != nil {
		return err
	}
	name, there, err := a.free(PartName(p), hash)
	if err == nil && !there {
		err = a.root.Rename(tmp, name)
	}
	if err == nil {
		err = a.remember(hash, name)
	}
	if err == nil && !there {
		a.written++
		a.Bytes += p.Size
		a.UI.Verbose(1, "", "written to "+filepath.Join(a.dir, name))
		err = a.UI.Event(struct {
			Event string `json:"event"`
			Path  string `json:"path"`
			Hash  string `json:"sha256"`
			Size  int64  `json:"size"`
		}{"attachment", filepath.Join(a.dir, name), hash, p.Size})
	}
	return err
}

// free finds a name that is not taken. there: by the same content, which a run that was stopped had written.
func (a *attachments) free(name, hash string) (free string, there bool, err error) {
	ext := filepath.Ext(name)
	for _, try := range []string{name, strings.TrimSuffix(name, ext) + " " + hash[:8] + ext, strings.TrimSuffix(name, ext) + " " + hash + ext} {
		f, err := a.root.Open(try)
		if errors.Is(err, fs.ErrNotExist) {
			if _, err := a.root.Lstat(try); errors.Is(err, fs.ErrNotExist) {
				return try, false, nil
			}
			continue // a symbolic link to nothing
		}
		if err != nil {
			continue
		}
		sum := sha256.New()
		_, err = io.Copy(sum, f)
		f.Close()
		if err == nil && fmt.Sprintf("%x", sum.Sum(nil)) == hash {
			return try, true, nil
		}
	}
	return "", false, fmt.Errorf("there is no name left for %s", name)
}

// PartName is the name under which a part goes into a folder: its own, made harmless.
func PartName(p mail.Part) string {
	if name := paths.Safe(ui.Clean(p.Name)); name != "" {
		return name
	}
	return fmt.Sprintf("part-%d", p.Number)
}
