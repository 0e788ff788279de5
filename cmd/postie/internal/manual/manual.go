// Package manual writes the manual pages: one of section 1 for each command, from what its help says, and
// postie-config(5), from the table by which the configuration is read.
package manual

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/exit"
)

// Write writes all pages into a folder, which is made if it is missing.
func Write(dir string, root *cobra.Command, version string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	source := "postie " + version
	pages := map[string]string{"postie-config.5": configuration(source)}
	for _, cmd := range all(root) {
		pages[pageName(cmd)+".1"] = command(cmd, source)
	}
	for name, text := range pages {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// all is a command with those below it, as far as help shows them.
func all(cmd *cobra.Command) []*cobra.Command {
	list := []*cobra.Command{cmd}
	for _, sub := range shown(cmd) {
		list = append(list, all(sub)...)
	}
	return list
}

func shown(cmd *cobra.Command) (list []*cobra.Command) {
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" {
			list = append(list, sub)
		}
	}
	return list
}

func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

func command(cmd *cobra.Command, source string) string {
	p := newPage(pageName(cmd), 1, source)
	p.section("NAME")
	p.b.WriteString(inline(pageName(cmd)) + ` \- ` + inline(lowerFirst(cmd.Short)) + "\n")
	p.section("SYNOPSIS")
	p.b.WriteString(synopsis(cmd) + "\n")
	p.section("DESCRIPTION")
	p.text(firstOf(cmd.Long, cmd.Short+"."))
	commands(p, cmd)
	options(p, "OPTIONS", cmd.NonInheritedFlags())
	options(p, "OPTIONS OF ALL COMMANDS", cmd.InheritedFlags())
	if cmd.Example != "" {
		p.section("EXAMPLES")
		p.text(cmd.Example)
	}
	p.section("EXIT STATUS")
	for _, code := range exit.Codes() {
		p.entry(bold(fmt.Sprint(code.Code)), code.Text)
	}
	p.section("FILES")
	for _, f := range files() {
		p.entry(italic(f[0]), f[1])
	}
	p.section("ENVIRONMENT")
	for _, v := range environment() {
		p.entry(bold(v[0]), v[1])
	}
	p.section("SEE ALSO")
	p.b.WriteString(strings.Join(seeAlso(cmd), ", ") + "\n")
	return p.b.String()
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// synopsis is the line of usage: what is written as it stands in bold, what is put in its place in italics.
func synopsis(cmd *cobra.Command) string {
	words := strings.Fields(strings.TrimPrefix(cmd.UseLine(), cmd.CommandPath()))
	if len(shown(cmd)) > 0 {
		words = append([]string{"COMMAND"}, words...)
	}
	text := bold(cmd.CommandPath())
	for _, word := range words {
		text += " " + italic(word)
	}
	return text
}

func commands(p *page, cmd *cobra.Command) {
	subs := shown(cmd)
	if len(subs) == 0 {
		return
	}
	if len(cmd.Groups()) == 0 {
		p.section("COMMANDS")
	}
	for _, g := range append(cmd.Groups(), &cobra.Group{}) {
		first := true
		for _, sub := range subs {
			if sub.GroupID != g.ID {
				continue
			}
			if first && len(cmd.Groups()) > 0 {
				p.section(strings.ToUpper(strings.TrimSuffix(firstOf(g.Title, "Other commands"), ":")))
			}
			first = false
			p.entry(bold(pageName(sub))+"(1)", sub.Short+".")
		}
	}
}

func options(p *page, title string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	p.section(title)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		name, usage := pflag.UnquoteUsage(f)
		term := bold("--" + f.Name)
		if f.Shorthand != "" {
			term = bold("-"+f.Shorthand) + ", " + term
		}
		switch value := f.Value.Type(); {
		case value == "bool" || value == "count":
		case f.NoOptDefVal != "":
			term += "[=" + italic(name) + "]"
		default:
			term += " " + italic(name)
		}
		if def := f.DefValue; def != "" && def != "0" && def != "false" && def != "[]" && !strings.Contains(usage, "default") {
			usage += " (default " + def + ")"
		}
		p.entry(term, strings.ToUpper(usage[:1])+usage[1:]+".")
	})
}

func seeAlso(cmd *cobra.Command) (list []string) {
	if cmd.HasParent() {
		list = append(list, bold(pageName(cmd.Parent()))+"(1)")
		for _, sub := range shown(cmd.Parent()) {
			if sub != cmd && cmd.Parent().HasParent() {
				list = append(list, bold(pageName(sub))+"(1)")
			}
		}
	}
	return append(list, bold("postie-config")+"(5)")
}

func files() [][2]string {
	return [][2]string{
		{"$XDG_CONFIG_HOME/postie/config.toml", "The configuration, by default ~/.config/postie/config.toml; see postie-config(5)."},
		{"MAILDIR/.postie.db", "Index of the mail and record of what was agreed with the server. It belongs to the Maildir: without it nothing is lost, and the next run recovers by comparing."},
		{"MAILDIR/.postie.lock", "Locks: one run at a time."},
		{"$XDG_STATE_HOME/postie", "Passwords and tokens, where the desktop has no keyring."},
	}
}

func environment() [][2]string {
	return [][2]string{
		{"XDG_CONFIG_HOME, XDG_STATE_HOME", "Where configuration and secrets lie."},
		{"NO_COLOR, CLICOLOR_FORCE, TERM, COLUMNS", "Whether and how widely the terminal is written to."},
		{"VISUAL, EDITOR", "The editor of postie config edit."},
		{"SSL_CERT_FILE, SSL_CERT_DIR", "Root certificates in place of the system's."},
		{"TMPDIR", "Where dry runs and edited drafts lie for a while."},
		{"CREDENTIALS_DIRECTORY", "Passwords that systemd gives to a service."},
	}
}

// configuration is postie-config(5).
func configuration(source string) string {
	p := newPage("postie-config", 5, source)
	p.section("NAME")
	p.b.WriteString(`postie\-config \- the configuration of postie` + "\n")
	p.section("SYNOPSIS")
	p.b.WriteString(italic("$XDG_CONFIG_HOME/postie/config.toml") + "\n")
	p.section("DESCRIPTION")
	p.text(`The configuration is TOML: a table [account.NAME] for each account, and one [hooks]. postie init writes accounts, postie config edit lets nothing wrong in, and postie config show prints what is in effect, without secrets.

Unknown keys, wrong types and impossible values are errors that name file, line and key. Relative paths begin in the folder of the file, and ~ is the home folder. Durations are written as "90s", "15m", "12h", "14d" or "2w", sizes as "500kB" or "10MB".`)
	p.section("KEYS")
	for _, k := range config.Reference() {
		text := k.Text
		if k.Default != "" {
			text += " Default: " + k.Default + "."
		}
		p.entry(bold(k.Path)+" ("+inline(k.Type)+", "+inline(k.Belongs())+")", text+"\n\n  "+name(k.Path)+" = "+k.Example)
	}
	p.section("EXAMPLE")
	p.text(example)
	p.section("SEE ALSO")
	p.b.WriteString(bold("postie") + "(1), " + bold("postie-init") + "(1), " + bold("postie-config-edit") + "(1)\n")
	return p.b.String()
}

// name is a key without its table.
func name(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

const example = `  [account.home]
  protocol = "pop3"
  host = "pop.example.org"
  user = "alice"
  password_command = ["pass", "show", "mail/alice"]
  maildir = "~/Mail/home"
  keep = "14d"

  [account.work]
  protocol = "imap"
  host = "imap.example.org"
  user = "bob"
  keyring = true
  maildir = "~/Mail/work"
  mailboxes = ["*", "!Junk"]

  [hooks]
  new_mail = ["notmuch", "new"]
`
