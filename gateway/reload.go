package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/cordboard/cordboard/api"
	"github.com/cordboard/cordboard/configs"
)

// live are the parts of a configuration that can be changed while calls are up; everything else waits for a restart.
func live(path string) bool {
	sections := []string{"node.drain_timeout", "log.level", "sip.phone_networks", "rtp.media_timeout", "rtp.srtp", "rtp.suites",
		"codecs.trunk", "codecs.comfort_noise", "webrtc.codecs", "trunks", "agents", "agent_ranges",
		"queues", "plan"}
	return slices.ContainsFunc(sections, func(s string) bool {
		rest, ok := strings.CutPrefix(path, s)
		return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

var errNoFile = errors.New("this gateway was started without a configuration file, so that there is nothing to read again")

// Reload reads the configuration file again and does what it says, from the next call on; calls that are up go on as they
// are. A file that is not right, or a part of it that cannot be had, changes nothing; the error is then a *configs.Report
// or names the part. What has changed and waits for a restart is in the result, and in the log.
func (g *Gateway) Reload() (api.Reloaded, error) {
	done, err := g.reload()
	if err != nil {
		g.reloads.WithLabelValues("refused").Inc()
		g.log.Error("not reloaded, everything stays as it was", zap.String("file", g.config().File), zap.Error(err))
		return api.Reloaded{}, err
	}
	g.reloads.WithLabelValues("done").Inc()
	g.log.Info("reloaded", zap.String("file", g.config().File), zap.Strings("changed", done.Changed))
	if len(done.Restart) > 0 {
		g.log.Warn("changed in the file, but only a restart brings it", zap.Strings("keys", done.Restart))
	}
	return done, nil
}

func (g *Gateway) reload() (done api.Reloaded, err error) {
	g.reloading.Lock()
	defer g.reloading.Unlock()
	old := g.config()
	if old.File == "" {
		return done, errNoFile
	}
	c, err := configs.Load(old.File)
	if err != nil {
		return done, err
	}
	for _, path := range configs.Changes(old, c) {
		if live(path) {
			done.Changed = append(done.Changed, path)
		} else {
			done.Restart = append(done.Restart, path)
		}
	}
	for _, w := range c.Warnings {
		done.Warnings = append(done.Warnings, w.String())
	}
	return done, g.use(merged(old, c))
}

// merged is the old configuration with the live parts of a new one.
func merged(old, c *configs.Config) *configs.Config {
	m := *old
	m.Node.Drain, m.Log.Level, m.SIP.PhoneNetworks = c.Node.Drain, c.Log.Level, c.SIP.PhoneNetworks
	m.RTP.MediaTimeout, m.RTP.SRTP, m.RTP.Suites, m.Codecs.ComfortNoise = c.RTP.MediaTimeout, c.RTP.SRTP, c.RTP.Suites, c.Codecs.ComfortNoise
	m.Codecs.Trunk, m.WebRTC.Codecs = c.Codecs.Trunk, c.WebRTC.Codecs
	m.Trunks, m.Agents, m.AgentRanges, m.Queues, m.Plan = c.Trunks, c.Agents, c.AgentRanges, c.Queues, c.Plan
	m.Warnings = c.Warnings
	return &m
}

// use makes everything that can fail first, and then changes over: trunks, people and queues before the plan that leads to
// them.
func (g *Gateway) use(c *configs.Config) error {
	level, err := zapcore.ParseLevel(c.Log.Level)
	if err != nil {
		return fmt.Errorf("log.level: %w", err)
	}
	music, err := g.readMusic(c, g.sound.music.Load().player)
	if err != nil {
		return err
	}
	trunks, err := trunksOf(c)
	if err != nil {
		return err
	}
	all := plans(c)
	before := g.config()
	if err := g.guard.Replace(usersOf(c)); err != nil {
		return fmt.Errorf("agents: %w", err)
	}
	if err := g.endpoint.Reload(trunks, c.SIP.PhoneNetworks); err != nil {
		return errors.Join(err, g.guard.Replace(usersOf(before)))
	}
	if g.level != nil {
		g.level.SetLevel(level)
	}
	g.bridge.Allow(policyOf(c))
	g.sound.music.Store(music)
	g.desk.Replace(profilesOf(c))
	for _, a := range c.Everyone() {
		g.desk.Devices(a.ID, len(g.endpoint.Devices(a.ID)))
	}
	g.queues.Replace(queuesOf(c))
	g.tellers.use(all)
	g.router.Replace(all[""])
	g.cfg.Store(c)
	return nil
}

func (o operations) Reload(context.Context) (api.Reloaded, error) {
	done, err := o.g.Reload()
	var report *configs.Report
	if errors.As(err, &report) {
		bad := &api.BadConfig{}
		for _, p := range report.Problems {
			bad.Problems = append(bad.Problems, p.String())
		}
		return done, bad
	}
	if err != nil {
		return done, &api.BadConfig{Problems: []string{err.Error()}}
	}
	return done, nil
}
