package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"postie/cmd/postie/internal/manual"

	"github.com/spf13/cobra"
)

// version is set by whoever builds a release: go build -ldflags "-X main.version=1.2.3".
var version = ""

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if !a.json {
				_, err := fmt.Fprintln(a.out, "postie", versionText())
				return err
			}
			return a.ui.Event(struct {
				Event   string `json:"event"`
				Version string `json:"version"`
				Go      string `json:"go"`
				OS      string `json:"os"`
				Arch    string `json:"arch"`
			}{"version", versionNumber(), runtime.Version(), runtime.GOOS, runtime.GOARCH})
		},
	}
}

func versionNumber() string {
	if info, ok := debug.ReadBuildInfo(); ok && version == "" {
		return info.Main.Version
	}
	return version
}

func versionText() string {
	return fmt.Sprintf("%s (%s, %s/%s)", versionNumber(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

func (a *app) manCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "man DIR", Short: "Write the man pages into a folder", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			root.InitDefaultCompletionCmd()
			return manual.Write(args[0], root, versionNumber())
		},
	}
}

func (a *app) configCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Look at the configuration, or edit it", Args: unknownCommand,
		RunE: a.onlyHelp}
	cmd.AddCommand(&cobra.Command{
		Use: "show", Short: "Print the effective configuration, without secrets", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			file, err := a.load()
			if err != nil {
				return err
			}
			if !a.json {
				return file.Show(a.out)
			}
			objects, err := file.Objects()
			if err != nil {
				return err
			}
			for _, o := range objects {
				if err := a.ui.Event(o); err != nil {
					return err
				}
			}
			return nil
		},
	}, a.configEditCommand())
	return cmd
}
