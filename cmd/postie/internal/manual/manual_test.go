package manual

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"postie/cmd/postie/internal/config"
)

const published = "../../../../.github/CONFIGURATION.md"

// The page in the repository is what is generated. POSTIE_UPDATE=1 writes it.
func TestConfigurationIsPublished(t *testing.T) {
	if os.Getenv("POSTIE_UPDATE") != "" {
		if err := os.WriteFile(published, []byte(Configuration()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(published)
	if err != nil || string(text) != Configuration() {
		t.Errorf("%s is not what is generated (%v): POSTIE_UPDATE=1 go test ./cmd/postie/internal/manual", published, err)
	}
}

// Every key is on its page, every command has one, and what is in a page cannot be taken for a request.
func TestPages(t *testing.T) {
	root := &cobra.Command{Use: "postie", Short: "Retrieve mail", Run: func(*cobra.Command, []string) {}}
	sub := &cobra.Command{Use: "sub THING", Short: "Do it", Long: "It does.\n\n  .table   'of' \\things\n\n.not a request", Run: root.Run, Example: "  postie sub x"}
	sub.Flags().StringP("dir", "d", "", "the `DIR`")
	root.AddCommand(sub)
	dir := t.TempDir()
	if err := Write(dir, root, "1.0"); err != nil {
		t.Fatal(err)
	}
	page := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, k := range config.Reference() {
		if !strings.Contains(page("postie-config.5"), "\n"+bold(k.Path)+" (") {
			t.Errorf("%s is not in postie-config(5)", k.Path)
		}
	}
	for _, want := range []string{".TH \"POSTIE-SUB\" 1 ", "\\fB\\-d\\fR, \\fB\\-\\-dir\\fR \\fIDIR\\fR", ".SH \"EXIT STATUS\"", ".SH \"FILES\"", ".SH \"ENVIRONMENT\"", "\n\\&.not a request", "  .table   \\(aqof\\(aq \\ethings"} {
		if !strings.Contains(page("postie-sub.1"), want) {
			t.Errorf("no %q in\n%s", want, page("postie-sub.1"))
		}
	}
	if !strings.Contains(page("postie.1"), "\\fBpostie\\-sub\\fR(1)") {
		t.Error("the commands are not listed")
	}
	man, err := exec.LookPath("man")
	if err != nil {
		return // its warnings are one more look
	}
	for _, name := range []string{"postie.1", "postie-sub.1", "postie-config.5"} {
		cmd := exec.Command(man, "--warnings", "-l", filepath.Join(dir, name))
		var warnings strings.Builder
		cmd.Stderr = &warnings
		if err := cmd.Run(); err != nil || warnings.Len() > 0 {
			t.Errorf("%s: %v %s", name, err, &warnings)
		}
	}
}
