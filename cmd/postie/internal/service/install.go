package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"postie/cmd/postie/internal/exit"
)

// Install writes what job needs and has kind k run it from now on. What an earlier Install wrote is written anew; a file that somebody
// else wrote is left as it is (an error). It returns the files that it wrote ("crontab" for the crontab).
func Install(ctx context.Context, k Kind, j Job, home Home) (written []string, err error) {
	files, err := Files(k, j, home)
	if err != nil {
		return nil, err
	}
	if k == Cron {
		return []string{"crontab"}, schedule(ctx, j.Name(), files[0].Text)
	}
	for _, f := range files {
		if err := ours(f.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	for _, f := range files {
		if err := write(f); err != nil {
			return written, err
		}
		written = append(written, f.Path)
	}
	return written, start(ctx, k, files)
}

// start tells the service manager about files that were written; the last of them is what it is to begin with.
func start(ctx context.Context, k Kind, files []File) error {
	last := files[len(files)-1].Path
	if k == Launchd {
		tell(ctx, nil, "launchctl", "bootout", target(last)) // fails when it was not there before
		_, err := tell(ctx, nil, "launchctl", "bootstrap", domain(), last)
		return err
	}
	if _, err := tell(ctx, nil, "systemctl", "--user", "daemon-reload"); err != nil {
		return err
	}
	if _, err := tell(ctx, nil, "systemctl", "--user", "enable", "--now", filepath.Base(last)); err != nil {
		return err
	}
	if filepath.Ext(last) != ".service" {
		return nil
	}
	_, err := tell(ctx, nil, "systemctl", "--user", "restart", filepath.Base(last)) // one that ran before runs on with the old unit
	return err
}

// Uninstall ends the jobs of these accounts, of watch, or all that Install made (neither), and removes what it wrote. It returns what was removed.
func Uninstall(ctx context.Context, k Kind, accounts []string, watch bool, home Home) (removed []string, err error) {
	var names []string
	for _, a := range accounts {
		names = append(names, name("fetch", a), name("sync", a))
	}
	if watch {
		names = append(names, "postie-watch")
	}
	if k == Cron {
		return unschedule(ctx, names)
	}
	dir, endings := home.Units, []string{".timer", ".service"}
	if k == Launchd {
		dir, endings = home.Agents, []string{".plist"}
	}
	if len(names) == 0 {
		names = []string{"postie-*"}
	}
	for _, name := range names {
		for _, ending := range endings {
			found, err := installed(dir, name+ending)
			if err != nil {
				return removed, err
			}
			for _, path := range found {
				if err := remove(ctx, k, path); err != nil {
					return removed, err
				}
				removed = append(removed, path)
			}
		}
	}
	if k == Systemd && len(removed) > 0 {
		_, err = tell(ctx, nil, "systemctl", "--user", "daemon-reload")
	}
	return removed, err
}

// installed are the files of that name, which may hold a '*' at its end, that Install wrote.
func installed(dir, name string) (paths []string, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	prefix, ending, any := strings.Cut(name, "*")
	for _, e := range entries {
		if e.Name() == name || any && strings.HasPrefix(e.Name(), prefix) && strings.HasSuffix(e.Name(), ending) {
			if path := filepath.Join(dir, e.Name()); ours(path) == nil {
				paths = append(paths, path)
			}
		}
	}
	return paths, err
}

// remove ends what a file stands for, and removes it.
func remove(ctx context.Context, k Kind, path string) error {
	var err error
	if k == Launchd {
		tell(ctx, nil, "launchctl", "bootout", target(path)) // fails when it does not run
	} else {
		_, err = tell(ctx, nil, "systemctl", "--user", "disable", "--now", filepath.Base(path))
	}
	if err != nil {
		return err
	}
	return os.Remove(path)
}

func domain() string { return "gui/" + strconv.Itoa(os.Getuid()) }
func target(agent string) string {
	return domain() + "/" + strings.TrimSuffix(filepath.Base(agent), ".plist")
}

// ours is nil for a file that Install wrote, and otherwise says why it is to be left alone.
func ours(path string) error {
	text, err := os.ReadFile(path)
	if err == nil && !strings.Contains(string(text), marker) {
		err = exit.Usage(fmt.Errorf("%s was not written by `postie service install`: it is left as it is", path), "move it away, or edit it to your liking")
	}
	return err
}

// write replaces a file by one that is whole.
func write(f File) error {
	dir := filepath.Dir(f.Path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, ".postie-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // does nothing once it is renamed
	_, err = tmp.WriteString(f.Text)
	err = errors.Join(err, tmp.Chmod(0o644), tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), f.Path)
}

// schedule puts a line into the crontab, in place of the one that the job had.
func schedule(ctx context.Context, name, line string) error {
	table, err := crontab(ctx)
	if err != nil {
		return err
	}
	table, _ = without(table, name)
	if table != "" && !strings.HasSuffix(table, "\n") {
		table += "\n"
	}
	_, err = tell(ctx, strings.NewReader(table+line), "crontab", "-")
	return err
}

// unschedule takes lines out of the crontab: those of the names, or without any all of ours.
func unschedule(ctx context.Context, names []string) (removed []string, err error) {
	table, err := crontab(ctx)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		names = jobs(table)
	}
	for _, name := range names {
		var was bool
		if table, was = without(table, name); was {
			removed = append(removed, "crontab: "+name)
		}
	}
	if len(removed) == 0 {
		return nil, nil
	}
	_, err = tell(ctx, strings.NewReader(table), "crontab", "-")
	return removed, err
}

// crontab is the user's crontab; who has none has an empty one.
func crontab(ctx context.Context) (string, error) {
	out, err := tell(ctx, nil, "crontab", "-l")
	if err != nil && strings.Contains(strings.ToLower(err.Error()), "no crontab for") {
		return "", nil
	}
	return out, err
}

// tell runs a command of the system and returns what it printed. Its error says what the command said.
func tell(ctx context.Context, in *strings.Reader, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	if in != nil {
		cmd.Stdin = in
	}
	cmd.Env = append(os.Environ(), "LC_ALL=C") // its words are read
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		line := strings.Join(append([]string{name}, args...), " ")
		if text := strings.TrimSpace(said.String()); text != "" {
			return "", fmt.Errorf("%s: %s (%w)", line, text, err)
		}
		return "", fmt.Errorf("%s: %w", line, err)
	}
	return out.String(), nil
}
