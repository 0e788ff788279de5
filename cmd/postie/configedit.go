package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/ui"
)

func (a *app) configEditCommand() *cobra.Command {
	return &cobra.Command{
		Use: "edit", Short: "Edit the configuration; it is replaced only by one that is right", Args: cobra.NoArgs,
		Long: `edit opens a copy of the configuration in $VISUAL or $EDITOR, checks it, and puts it in place of the file only if
nothing is wrong with it. Otherwise it says what is, and opens the editor again if you like.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.editConfig(cmd.Context()) },
	}
}

func (a *app) configPath() (string, error) {
	if a.config != "" {
		return a.config, nil
	}
	return config.DefaultPath()
}

func (a *app) editConfig(ctx context.Context) error {
	path, err := a.configPath()
	if err != nil {
		return err
	}
	old, err := config.Read(path)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "postie") // 0700
	if err != nil {
		return err
	}
	draft := filepath.Join(dir, filepath.Base(path))
	err = os.WriteFile(draft, old, 0o600)
	if err == nil {
		err = a.editDraft(ctx, path, old, draft)
	}
	if exit.Is[*rejected](err) {
		return fmt.Errorf("%w\nthe configuration is as it was; your text is kept in %s", err, draft)
	}
	return errors.Join(err, os.RemoveAll(dir))
}

// rejected is what is wrong with a text that the user gave up.
type rejected struct{ error }

func (e *rejected) Unwrap() error { return e.error }

// editDraft lets the user edit until the text is right, or he has enough.
func (a *app) editDraft(ctx context.Context, path string, old []byte, draft string) error {
	asker := a.ui.Asker(os.Stdin)
	for {
		if err := edit(ctx, draft); err != nil {
			return err
		}
		text, err := os.ReadFile(draft)
		if err != nil {
			return err
		}
		if bytes.Equal(text, old) {
			a.ui.Print("nothing was changed")
			return nil
		}
		c, err := config.Replace(path, old, text)
		if err == nil {
			a.ui.Print(c.Path + ": " + ui.Count(len(c.Accounts), "account"))
			return nil
		}
		if !a.ui.Interactive() || errors.Is(err, config.ErrChanged) {
			return &rejected{err}
		}
		a.ui.Error(ui.Failure{Err: err, Exit: exit.BadUsage})
		if again, asked := asker.Confirm(ctx, "Edit it again", true); asked != nil || !again {
			return &rejected{errors.Join(err, asked)}
		}
	}
}

// edit runs the user's editor. $VISUAL and $EDITOR may hold arguments, hence the shell, as in git.
func edit(ctx context.Context, path string) error {
	editor := os.Getenv("VISUAL")
	for _, next := range []string{os.Getenv("EDITOR"), "vi"} {
		if editor == "" {
			editor = next
		}
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", editor+` "$@"`, "sh", path)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stderr, os.Stderr // standard output is for what was asked for
	if err := cmd.Run(); err != nil {
		return exit.Usage(fmt.Errorf("editor %q: %w; the configuration is as it was", editor, err), "set $VISUAL or $EDITOR")
	}
	return nil
}
