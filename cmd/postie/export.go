package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/library"
	"postie/cmd/postie/internal/ui"
	"postie/maildir"
	"postie/maildir/index/query"
)

type exportFlags struct {
	reading
	mbox, eml, zip bool
	query          string
	output         string
	attachments    string
	force          bool
}

func (a *app) exportCommand() *cobra.Command {
	var flags exportFlags
	cmd := &cobra.Command{
		Use:   "export [ACCOUNT...] -o PATH",
		Short: "Hand mail over: an mbox file, .eml files, a zip archive, or attachments",
		Long: `export writes mail that is here into one mbox file (with flags, as mboxrd), an mbox file for each mailbox, a tree of .eml files, or a zip
archive of these; the same mail gives the same octets. What PATH ends in tells which, unless --mbox, --eml or --zip does: --mbox with a
PATH that ends in / is a folder of mbox files. What is there is not overwritten.
A message of which only the summary is here is named, and the exit code is 3.

--attachments DIR writes attachments instead, each content once, however often it was sent and however often this is run: DIR
remembers in .postie-attachments what it was given, so that what you delete there does not come again.`,
		Example: `  postie export work -o work.mbox
  postie export --query 'from:ann since:2025' -o ann.zip
  postie export work --mbox -o folder/                     one file for each mailbox
  postie export work --eml -o folder
  postie export --query 'in:INBOX has:attachment' --attachments ~/invoices -q      from cron`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.export(cmd.Context(), args, &flags) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVarP(&flags.output, "output", "o", "", "write to this `PATH`; - is standard output")
	f.BoolVar(&flags.mbox, "mbox", false, "as one mbox file; into a PATH that ends in / as one for each mailbox")
	f.BoolVar(&flags.eml, "eml", false, "as a folder of .eml files")
	f.BoolVar(&flags.zip, "zip", false, "as a zip archive of .eml files")
	f.StringVar(&flags.query, "query", "", "only what this `QUERY` finds (see postie search --help)")
	f.StringVar(&flags.attachments, "attachments", "", "write attachments into this `DIR` instead")
	f.BoolVar(&flags.force, "force", false, "overwrite what is there")
	flags.register(f)
	return cmd
}

// form is what is written: "mbox", "mboxes", "eml", "zip", "attachments".
func (f *exportFlags) form(json bool) (string, error) {
	var forms []string
	for form, on := range map[string]bool{"mbox": f.mbox, "eml": f.eml, "zip": f.zip} {
		if on {
			forms = append(forms, form)
		}
	}
	if len(forms) == 0 {
		forms = map[string][]string{".mbox": {"mbox"}, ".zip": {"zip"}}[strings.ToLower(filepath.Ext(f.output))]
	}
	if info, err := os.Stat(f.output); len(forms) == 1 && forms[0] == "mbox" && (strings.HasSuffix(f.output, "/") || err == nil && info.IsDir()) {
		forms[0] = "mboxes"
	}
	switch {
	case f.attachments != "" && f.output != "":
		return "", exit.Usagef("--attachments and -o contradict each other")
	case f.attachments != "" && len(forms) > 0:
		return "", exit.Usagef("--attachments goes with none of --mbox, --eml and --zip")
	case f.attachments != "":
		return "attachments", nil
	case f.output == "":
		return "", exit.Usage(errors.New("-o is missing"), "-o PATH says where to write, - to standard output")
	case len(forms) != 1:
		return "", exit.Usage(errors.New("as what?"), "one of --mbox, --eml and --zip, or -o PATH that ends in .mbox or .zip")
	case f.output == "-" && forms[0] == "eml":
		return "", exit.Usagef("--eml writes many files, which standard output cannot take")
	case f.output == "-" && json:
		return "", exit.Usagef("--json does not go with -o -, which writes bytes as they are")
	}
	return forms[0], nil
}

func (a *app) export(ctx context.Context, args []string, f *exportFlags) (err error) {
	form, err := f.form(a.json)
	if err != nil {
		return err
	}
	var q *query.Query
	if f.query != "" {
		parsed, err := library.ParseQuery(f.query)
		if err != nil {
			return err
		}
		q = &parsed
	}
	l, err := a.library(ctx, args, f.reading)
	if err != nil {
		return err
	}
	defer l.Closing(&err)
	if q != nil {
		if err := l.Names(ctx, *q); err != nil {
			return err
		}
		if err := l.IndexText(ctx); err != nil {
			return err
		}
	}
	all, err := l.Choose(ctx, q)
	if err != nil {
		return err
	}
	e := &library.Exporter{Library: l}
	path, what := f.output, ""
	switch form {
	case "attachments":
		written := 0
		if err = os.MkdirAll(f.attachments, 0o700); err == nil {
			written, err = e.Attachments(ctx, f.attachments, all)
		}
		path, what, e.Done = f.attachments, ui.Count(written, "attachment"), written
	case "eml":
		err = f.folder(func(dir string) error { return e.Files(ctx, dir, all) })
	case "mboxes":
		err = f.folder(func(dir string) error { return e.Mboxes(ctx, dir, all) })
	case "mbox":
		err = a.toFile(f, func(w io.Writer) error { return e.Mbox(ctx, w, all) })
	default:
		err = a.toFile(f, func(w io.Writer) error { return e.Zip(ctx, w, all) })
	}
	if err != nil {
		return err
	}
	if what == "" {
		what = ui.Count(e.Done, "message")
	}
	return a.exported(e, form, path, what)
}

// exported says what was written.
func (a *app) exported(e *library.Exporter, form, path, what string) error {
	if path != "-" && !(a.quiet || form == "attachments" && e.Done == 0 && !a.json) {
		a.ui.Print(fmt.Sprintf("%s written to %s (%s)", what, path, ui.Size(e.Bytes)))
	}
	err := a.ui.Event(struct {
		Event  string `json:"event"`
		Form   string `json:"form"`
		Path   string `json:"path"`
		Count  int    `json:"count"`
		Bytes  int64  `json:"bytes"`
		Failed int    `json:"failed"`
	}{"exported", form, path, e.Done, e.Bytes, e.Failed})
	if err == nil && e.Failed > 0 {
		return exit.Reported(exit.Partial)
	}
	return err
}

// refusal is the error of a path that is taken.
func refusal(path string) error {
	return exit.Usage(fmt.Errorf("%s is there already; nothing is overwritten", path), "-o PATH names another one, or --force overwrites it")
}

// toFile writes to standard output, or into a new file that has its name only when all is durable.
func (a *app) toFile(f *exportFlags, content func(io.Writer) error) error {
	if f.output == "-" {
		w := a.ui.Raw()
		return errors.Join(content(w), w.Close())
	}
	info, err := os.Lstat(f.output)
	if err == nil && (!f.force || info.IsDir()) {
		return refusal(f.output)
	}
	dir, base := filepath.Split(filepath.Clean(f.output))
	if dir == "" {
		dir = "."
	}
	tmp := filepath.Join(dir, "."+base+"."+rand.Text())
	w, err := os.OpenFile(tmp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer os.Remove(tmp)
	if err := errors.Join(content(w), w.Sync(), w.Close()); err != nil {
		return err
	}
	if f.force {
		err = os.Rename(tmp, f.output)
	} else if err = os.Link(tmp, f.output); errors.Is(err, fs.ErrExist) { // somebody made it meanwhile
		return refusal(f.output)
	} else if err != nil { // a file system without links
		err = os.Rename(tmp, f.output)
	}
	return errors.Join(err, maildir.SyncDir(dir))
}

// folder writes into a new folder that has its name only when all is durable, or with --force into one that is there.
func (f *exportFlags) folder(content func(dir string) error) error {
	entries, err := os.ReadDir(f.output)
	switch {
	case err == nil && len(entries) > 0 && !f.force, err != nil && !errors.Is(err, fs.ErrNotExist):
		return refusal(f.output)
	case err == nil && f.force:
		return content(f.output)
	}
	dir := filepath.Dir(filepath.Clean(f.output))
	tmp, err := os.MkdirTemp(dir, ".export-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp) // nothing is there once it has its name
	if err := content(tmp); err != nil {
		return err
	}
	return errors.Join(os.Rename(tmp, filepath.Clean(f.output)), maildir.SyncDir(dir))
}
