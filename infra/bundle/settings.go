package main

import (
	"errors"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
)

// settings are the names that a function.json may refer to: those of the settings sample and those that the Bicep files give the app.
type settings struct {
	sample map[string]*node
	bicep  map[string]place
	params map[string]place // defaults of Bicep's parameters, by name in lower case
}

// place is a value in a file.
type place struct {
	file  string
	line  int
	value string
}

var (
	settingReference = regexp.MustCompile(`^%([A-Za-z][A-Za-z0-9_]*)%$`)
	bicepSettings    = regexp.MustCompile(`(?s)// app settings begin\n(.*?)// app settings end\n`)
	bicepSetting     = regexp.MustCompile(`(?m)^\s*'?([A-Za-z][A-Za-z0-9_]*)'?\s*:`)
	bicepParameter   = regexp.MustCompile(`(?m)^param ([A-Za-z][A-Za-z0-9_]*) string = '([^'$]*)'`)
)

// settingName takes the percent signs off a reference to a setting.
func settingName(text string) (string, bool) {
	match := settingReference.FindStringSubmatch(text)
	if match == nil {
		return "", false
	}
	return match[1], true
}

// readSettings reads the sample and the Bicep files. In the Bicep the app's settings stand between two comments, "app settings begin" and "app
// settings end", so that no compiler is needed to find them.
func (s *sources) readSettings() *settings {
	all := &settings{sample: map[string]*node{}, bicep: map[string]place{}, params: map[string]place{}}
	if sample := s.read(settingsFile); sample != nil {
		values := sample.get("Values")
		if values == nil || !values.object {
			s.findings.add(settingsFile, sample.Line, "has no object Values.")
		} else {
			for name, value := range values.Fields {
				if _, isText := value.Value.(string); !isText {
					s.findings.add(settingsFile, value.Line, "%s must be a string: the host passes settings as environment variables.", name)
				}
				all.sample[name] = value
			}
		}
	}
	infra := filepath.Join(s.root, "infra")
	err := filepath.WalkDir(infra, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".bicep") {
			return err
		}
		data, err := readBounded(name)
		if err != nil {
			return err
		}
		file, err := filepath.Rel(s.root, name)
		if err != nil {
			return err
		}
		all.readBicep(filepath.ToSlash(file), data)
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.findings.add("infra", 0, "cannot be read: %v.", err)
	}
	if len(all.bicep) == 0 {
		s.findings.add("infra", 0, "no Bicep file holds the app's settings between \"// app settings begin\" and \"// app settings end\".")
	}
	return all
}

func (all *settings) readBicep(file string, data []byte) {
	lines := lineIndex(data)
	for _, block := range bicepSettings.FindAllSubmatchIndex(data, -1) {
		for _, match := range bicepSetting.FindAllSubmatchIndex(data[block[2]:block[3]], -1) {
			name := string(data[block[2]+match[2] : block[2]+match[3]])
			all.bicep[name] = place{file: file, line: lines.at(int64(block[2] + match[3]))}
		}
	}
	for _, match := range bicepParameter.FindAllSubmatchIndex(data, -1) {
		name := string(data[match[2]:match[3]])
		all.params[strings.ToLower(name)] = place{file: file, line: lines.at(int64(match[3])), value: string(data[match[4]:match[5]])}
	}
}

// bicepDefault is the default of the parameter that a setting is made from: the parameter has the setting's name but for the case of letters.
func (all *settings) bicepDefault(name string) (place, bool) {
	found, ok := all.params[strings.ToLower(name)]
	return found, ok
}

func (all *settings) sampleLine(name string) int {
	if value := all.sample[name]; value != nil {
		return value.Line
	}
	return 0
}

// requireSetting finds a setting that a function refers to in both places, and returns its value in the sample.
func (s *sources) requireSetting(f function, line int, name string) string {
	value, inSample := s.settings.sample[name]
	if !inSample {
		s.findings.add(f.File, line, "the setting %s is not in %s.", name, settingsFile)
	}
	if _, inBicep := s.settings.bicep[name]; !inBicep {
		s.findings.add(f.File, line, "the setting %s is not among the app settings of the Bicep files.", name)
	}
	if !inSample {
		return ""
	}
	text, _ := value.Value.(string)
	return text
}

// requireConnection finds the settings of a Service Bus connection: a whole connection string or, by identity, its namespace.
func (s *sources) requireConnection(f function, line int, name string) {
	_, whole := s.settings.sample[name]
	_, byIdentity := s.settings.sample[name+"__fullyQualifiedNamespace"]
	if !whole && !byIdentity {
		s.findings.add(f.File, line, "the connection %s is not in %s.", name, settingsFile)
	}
	for _, part := range []string{"__fullyQualifiedNamespace", "__credential", "__clientId"} {
		if _, found := s.settings.bicep[name+part]; !found {
			s.findings.add(f.File, line, "the setting %s is not among the app settings of the Bicep files: on Azure the connection is by identity.", name+part)
		}
	}
	if secret, found := s.settings.bicep[name]; found {
		s.findings.add(secret.file, secret.line, "%s would be a connection string in a setting.", name)
	}
}
