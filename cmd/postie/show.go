package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/library"
	"postie/cmd/postie/internal/ui"
	"postie/maildir"
	"postie/maildir/index"
	mail "postie/maildir/message"
)

type showFlags struct {
	reading
	part   int
	raw    bool
	output string
	seen   bool
}

func (a *app) showCommand() *cobra.Command {
	var flags showFlags
	cmd := &cobra.Command{
		Use:   "show ID...",
		Short: "Show one message",
		Long: `show prints a message for reading: the headers that people read, the text (HTML as text where there is nothing else),
and a list of what is attached. It marks nothing as read unless asked to.
Where only the summary is here, the body is fetched from the server, and stays. Nothing else asks a server.
With - in place of an ID they are read from standard input, as list and search print them.
A part is written as it is, in its own charset; with -o into a new file: nothing is ever overwritten.`,
		Example: `  postie show home/INBOX/17 --seen
  postie show home/INBOX/17 --part 2 -o ~/Downloads     into that folder, under its own name
  postie show home/INBOX/17 --raw > message.eml
  postie search from:ann is:unread | postie show -`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := flags.check(a.json); err != nil {
				return err
			}
			return a.show(cmd.Context(), args, &flags)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.IntVar(&flags.part, "part", 0, "write part `N` of the list instead")
	f.BoolVar(&flags.raw, "raw", false, "write the message as it is stored instead")
	f.StringVarP(&flags.output, "output", "o", "", "with --part or --raw: write into this new `FILE`, or into that folder")
	f.BoolVar(&flags.seen, "seen", false, "mark it as read")
	flags.register(f)
	return cmd
}

func (f *showFlags) check(json bool) error {
	switch {
	case f.raw && f.part != 0:
		return exit.Usagef("--raw and --part contradict each other")
	case json && (f.raw || f.part != 0):
		return exit.Usagef("--json goes with neither --raw nor --part, which write bytes as they are")
	case f.output != "" && !f.raw && f.part == 0:
		return exit.Usagef("-o goes with --part or --raw")
	case f.part < 0:
		return exit.Usagef("--part %d: parts are numbered from 1", f.part)
	}
	return nil
}

func (a *app) show(ctx context.Context, ids []string, f *showFlags) (err error) {
	l, err := a.library(ctx, nil, f.reading)
	if err != nil {
		return err
	}
	defer l.Closing(&err)
	all, err := l.Finds(ctx, ids)
	if err != nil {
		return err
	}
	if len(all) > 1 && (f.raw || f.part > 0) && f.output == "" {
		return exit.Usage(errors.New("--raw and --part write one message as it is"), "-o FOLDER takes several")
	}
	for n, i := range all {
		if n > 0 && !f.raw && f.part == 0 {
			a.ui.Print("\n" + strings.Repeat("-", 40) + "\n")
		}
		if err := a.showOne(ctx, l, i, f); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) showOne(ctx context.Context, l *library.Library, i library.Item, f *showFlags) error {
	file, err := l.Body(ctx, &i, !f.raw && f.part == 0)
	if err != nil {
		return err
	}
	defer file.Close()
	switch {
	case f.raw:
		err = a.write(f.output, fmt.Sprint(i.ID, ".eml"), func(w io.Writer) error { return copyTo(w, file) })
	case f.part > 0:
		err = a.writePart(f, file)
	default:
		err = a.letter(i, file)
	}
	if err == nil && f.seen {
		_, err = i.Index.Mark(ctx, []index.Message{i.Message}, index.Change{Set: maildir.FlagSeen})
	}
	return err
}

// letter shows a message for reading.
func (a *app) letter(i library.Item, file *os.File) error {
	var header mail.Header
	body, err := mail.Text(io.TeeReader(file, &header))
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return err
	}
	parts, total, err := mail.Parts(file)
	if err != nil {
		return err
	}
	l := ui.Letter{Message: i.Show(), Text: body.Text, HTML: body.HTML, Cut: body.Cut, Signed: body.Signed, Parts: []ui.Part{}, PartCount: total}
	l.Headers = library.Fields(a.ui, i, mail.Head(header.Bytes()))
	for _, p := range parts {
		l.Parts = append(l.Parts, ui.Part{Number: p.Number, Type: p.Type, Name: ui.OrNull(p.Name), Size: p.Size, Attachment: p.Attachment})
	}
	return a.ui.Letter(l)
}

func (a *app) writePart(f *showFlags, file *os.File) error {
	part, err := mail.WritePart(io.Discard, file, f.part) // a first time, for its name
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if none := (*mail.NoPart)(nil); errors.As(err, &none) {
		return exit.Usage(err, "postie show -v lists them")
	}
	if err != nil {
		return err
	}
	return a.write(f.output, library.PartName(part), func(w io.Writer) error {
		_, err := mail.WritePart(w, file, f.part)
		return err
	})
}

// write writes to standard output, into a new file, or into a folder under a name. What is there is never overwritten, and
// nothing is written outside the folder that was told.
func (a *app) write(to, name string, content func(io.Writer) error) error {
	if to == "" {
		w := a.ui.Raw()
		return errors.Join(content(w), w.Close())
	}
	dir, base := filepath.Split(to)
	if info, err := os.Stat(to); err == nil && info.IsDir() {
		dir, base = to, name
	}
	if dir == "" {
		dir = "."
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	file, err := root.OpenFile(base, os.O_CREATE|os.O_EXCL|os.O_WRONLY|syscall.O_NOFOLLOW, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return exit.Usage(fmt.Errorf("%s is there already; nothing is overwritten", filepath.Join(dir, base)), "-o FILE names another file")
	}
	if err != nil {
		return err
	}
	if err := errors.Join(content(file), file.Close()); err != nil {
		return errors.Join(err, root.Remove(base))
	}
	a.ui.Warn("", "written to "+filepath.Join(dir, base))
	return nil
}

func copyTo(w io.Writer, r io.Reader) error {
	_, err := io.Copy(w, r)
	return err
}
