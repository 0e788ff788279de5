package index

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/gofrs/flock"
)

// NoLocks is the error of a file system on which a lock keeps nobody out, as of NFS without a lock service: two runs there
// would double mail.
type NoLocks struct {
	Path string
	Why  string
}

func (e *NoLocks) Error() string {
	return fmt.Sprintf("locks do not hold where %s lies (%s)", e.Path, e.Why)
}

// lockError says what an error of taking a lock means.
func lockError(path string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ELOOP):
		return fmt.Errorf("%s is a symbolic link, which a lock must not be: remove it", path)
	case errors.Is(err, syscall.ENOLCK), errors.Is(err, syscall.ENOSYS), errors.Is(err, syscall.EOPNOTSUPP):
		return &NoLocks{path, err.Error()}
	}
	return verb("lock "+path, err)
}

// excludes makes sure that a lock keeps others out, here and on other machines.
func excludes(f *flock.Flock) error {
	second := fileLock(f.Path())
	if ok, _ := second.TryLock(); ok {
		second.Unlock()
		return &NoLocks{f.Path(), "a second one was given"}
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil // another kernel
	}
	if option := localLocks(string(mounts), f.Path()); option != "" {
		return &NoLocks{f.Path(), "it is mounted with " + option}
	}
	return nil
}

// localLocks names the option by which the file system of a path, one of NFS, keeps its locks to this machine; "": none.
// mounts is fstab(5) as the kernel gives it; of what is mounted on top of one another the last counts.
func localLocks(mounts, path string) (option string) {
	longest := 0
	for line := range strings.Lines(mounts) {
		fields := strings.Fields(line)
		if len(fields) < 4 {
			continue
		}
		at := strings.TrimSuffix(strings.NewReplacer(`\040`, " ", `\011`, "\t", `\134`, `\`).Replace(fields[1]), "/")
		if !strings.HasPrefix(path, at+"/") || len(at) < longest {
			continue
		}
		longest, option = len(at), ""
		if !strings.HasPrefix(fields[2], "nfs") {
			continue
		}
		for o := range strings.SplitSeq(fields[3], ",") {
			if o == "nolock" || o == "local_lock=all" || o == "local_lock=flock" {
				option = o
			}
		}
	}
	return option
}
