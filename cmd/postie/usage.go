package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/near"
)

// group puts the commands of the help in order, by what people want to do.
func group(root *cobra.Command) {
	const rest = "more"
	for _, g := range []struct{ id, title, commands string }{
		{"setup", "Set up an account:", "init check login config"},
		{"retrieve", "Retrieve mail:", "fetch sync watch service"},
		{"read", "Read what is here:", "list search show status"},
		{"change", "Change it, offline:", "mark move delete mailbox free"},
		{"safe", "Keep it safe:", "verify restore export manifest index"},
		{rest, "More:", ""},
	} {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, cmd := range root.Commands() {
			if slices.Contains(strings.Fields(g.commands), cmd.Name()) || g.id == rest && cmd.GroupID == "" {
				cmd.GroupID = g.id
			}
		}
	}
	root.SetHelpCommandGroupID(rest)
	root.SetCompletionCommandGroupID(rest)
}

// onlyHelp is what a command does that only has others below it. Help is no JSON.
func (a *app) onlyHelp(cmd *cobra.Command, _ []string) error {
	if a.json {
		return exit.Usage(errors.New("which command?"), "see `"+cmd.CommandPath()+" --help`")
	}
	return cmd.Help()
}

// helpCommand is cobra's, but for a command that is not there.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Help about any command",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, begun string) (list []string, _ cobra.ShellCompDirective) {
			above, _, err := cmd.Root().Find(args)
			if err != nil {
				return nil, offer
			}
			for _, sub := range above.Commands() {
				if sub.IsAvailableCommand() && strings.HasPrefix(sub.Name(), begun) {
					list = append(list, sub.Name()+"\t"+sub.Short)
				}
			}
			return list, offer
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err == nil && len(rest) > 0 {
				err = unknownCommand(about, rest)
			}
			if err != nil {
				return err
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}

// unknownCommand is the check of the arguments of a command that only has others below it.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var known []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			known = append(append(known, sub.Name()), sub.Aliases...)
		}
	}
	return exit.Usage(fmt.Errorf("unknown command %q for %q", args[0], cmd.CommandPath()), didYouMean(args[0], known, "see `"+cmd.CommandPath()+" --help`"))
}

// flagError says what is wrong with a flag, and which one may be meant.
func flagError(cmd *cobra.Command, err error) error {
	help := "see `" + cmd.CommandPath() + " --help`"
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "":
		var known []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				known = append(known, "--"+f.Name)
			}
		})
		return exit.Usage(err, didYouMean("--"+unknown.GetSpecifiedName(), known, help))
	case errors.As(err, &invalid):
		return exit.Usage(fmt.Errorf("--%s: %w", invalid.GetFlag().Name, plainNumber(invalid)), help)
	}
	return exit.Usage(err, help)
}

// plainNumber says in words what strconv does not like.
func plainNumber(err *pflag.InvalidValueError) error {
	switch err.GetFlag().Value.Type() {
	case "int", "count":
		return fmt.Errorf("%q is no number", err.GetValue())
	case "bool":
		return fmt.Errorf("%q is neither true nor false", err.GetValue())
	}
	return cmp.Or(err.Unwrap(), error(err))
}

func didYouMean(word string, known []string, otherwise string) string {
	if best := near.Word(word, known); best != "" {
		return fmt.Sprintf("did you mean %s?", best)
	}
	return otherwise
}

// loose finds a value behind a blank where it has to stand behind '=': --keep 14d. Without this the value would be taken
// for an account.
func (a *app) loose(cmd *cobra.Command) error {
	for i, arg := range a.args[:max(0, len(a.args)-1)] {
		name, ok := strings.CutPrefix(arg, "--")
		if arg == "--" {
			return nil
		}
		f := cmd.Flags().Lookup(name)
		if !ok || f == nil {
			continue
		}
		if v, ok := f.Value.(interface{ fits(string) bool }); ok && v.fits(a.args[i+1]) {
			return exit.Usage(fmt.Errorf("the value of --%s stands behind '='", name), fmt.Sprintf("write --%s=%s", name, a.args[i+1]))
		}
	}
	return nil
}

// usageText is cobra's text with the flags as they are written: --wait[=DURATION], not --wait DURATION[=for ever].
func usageText(root *cobra.Command) func(*cobra.Command) error {
	cobras := root.UsageFunc()
	optional := regexp.MustCompile(`--([a-z-]+) ([A-Z]+)\[=[^\]]*\]`)
	counted := strings.NewReplacer("--verbose count", "--verbose      ")
	return func(cmd *cobra.Command) error {
		out := cmd.OutOrStderr()
		var b bytes.Buffer
		cmd.SetOut(&b)
		err := cobras(cmd)
		cmd.SetOut(out)
		text := optional.ReplaceAllStringFunc(b.String(), func(was string) string {
			is := optional.ReplaceAllString(was, "--$1[=$2]")
			return is + strings.Repeat(" ", max(0, len(was)-len(is)))
		})
		_, writeErr := io.WriteString(out, counted.Replace(text))
		return errors.Join(err, writeErr)
	}
}
