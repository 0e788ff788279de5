package metrics

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Foreign is the error of a file that metrics would overwrite, and that is none of metrics.
type Foreign struct{ Path string }

func (e *Foreign) Error() string {
	return e.Path + " is no file of metrics that postie wrote: it is left alone"
}

// patience is how long another process may be at the file.
const patience = 10 * time.Second

// Check says why the file cannot be written.
func Check(path string) error {
	_, err := load(path)
	if err != nil {
		return err
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil {
		return fmt.Errorf("metrics: %w", err)
	} else if !info.IsDir() {
		return fmt.Errorf("metrics: %s is no folder", filepath.Dir(path))
	}
	return nil
}

// Add adds a run to the file, and writes it anew: by rename, so that whoever reads it sees all of the old or all of the new one, and for all
// to read, since node_exporter is another user. Processes that do so at once wait for each other.
func Add(ctx context.Context, path string, r Run) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	lock := flock.New(filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".lock"))
	if _, err := lock.TryLockContext(ctx, 20*time.Millisecond); err != nil {
		return fmt.Errorf("metrics: lock %s: %w", lock.Path(), err)
	}
	defer lock.Unlock()
	text, err := load(path)
	if err != nil {
		return err
	}
	b := read(text)
	b.add(r)
	return write(path, b.String())
}

// load reads the file; one that is not there is empty. A device would be replaced by a file, and a pipe has no end.
func load(path string) (string, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return "", fmt.Errorf("metrics: %s is no regular file: it is left alone", path)
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("metrics: %w", err)
	}
	if len(b) > 0 && !strings.HasPrefix(string(b), "# HELP postie_") {
		return "", &Foreign{path}
	}
	return string(b), nil
}

func write(path, text string) error {
	// node_exporter reads *.prom: what is not whole yet is not called so.
	f, err := os.CreateTemp(filepath.Dir(path), ".postie-*.tmp")
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}
