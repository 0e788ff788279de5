package main

import (
	"errors"

	"github.com/spf13/cobra"

	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/inspect"
)

func (a *app) manifestCommand() *cobra.Command {
	var flags reading
	var after string
	cmd := &cobra.Command{
		Use:   "manifest [ACCOUNT]",
		Short: "Write down what mail is here, a line for each message",
		Long: `manifest prints a line for each message: SHA-256 of its wire form (with CRLF), size, flags, mailbox and Message-ID, sorted, so
that two copies of the same mail give the same lines: diff compares them. postie verify --manifest FILE tells later what was changed or
taken away since. Each file is read; messages without a body here are left out, which is said.

The first line names the manifest before, by the SHA-256 of that file (--after), so that none can be changed unseen; the last one says
how many messages there are. Fields are parted by a space; what is no printable UTF-8, spaces and % are written as %XX; an empty field
is a -. FLAGS are Maildir letters, then keywords, each behind a comma.`,
		Example: `  postie manifest work > 2026-11.manifest
  postie manifest work --after 2026-11.manifest > 2026-12.manifest
  diff <(postie manifest -d /disk1/work) <(postie manifest -d /disk2/work)`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, names []string) (err error) {
			if a.json {
				return exit.Usage(errors.New("a manifest has a format of its own"), "leave out --json")
			}
			l, err := a.library(cmd.Context(), names, flags)
			if err != nil {
				return err
			}
			defer l.Closing(&err)
			return inspect.Manifest(cmd.Context(), l, after)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&after, "after", "", "the manifest before this one, a `FILE`")
	flags.register(f)
	return cmd
}
