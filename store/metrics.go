package store

import "github.com/prometheus/client_golang/prometheus"

// Register adds the store's figures to the registry.
func (s *Store) Register(reg prometheus.Registerer) error {
	figures := []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "cordboard_ledger_waiting",
			Help: "Entries of the ledger that are not on disk yet."}, func() float64 { return float64(s.ledger.Waiting()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "cordboard_ledger_commits_total",
			Help: "Transactions of the ledger."}, func() float64 { return float64(s.ledger.commits.Load()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "cordboard_ledger_faults_total",
			Help: "Transactions of the ledger that failed and were tried again."}, func() float64 { return float64(s.ledger.faults.Load()) }),
	}
	for _, f := range figures {
		if err := reg.Register(f); err != nil {
			return err
		}
	}
	return nil
}
