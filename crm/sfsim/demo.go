package sfsim

// The demo organisation of configs/demo.yaml. Its ids never change, so that configuration can name them:
//
//	User   anna 005Dn000000annaIAA   bo 005Dn00000000boIAA   carl 005Dn000000carlIAA
//	       dina 005Dn000000dinaIAA   sue 005Dn0000000sueIAA   gateway 005Dn000gatewayIAA
//	Queue  "Customer Service EN" 00GDn00CustServMEC   "Sales" 00GDn00000SalesMAB
//
// Consumer key of the gateway: DemoClientID, acting as DemoUsername.
const (
	DemoClientID = "cordboard-demo"
	DemoUsername = "gateway@cordboard.demo"
)

// DemoUserID is the 18-character User id of a demo agent: anna, bo, carl, dina, the supervisor sue, or gateway, the user
// that the gateway acts as. Any other name gives an id that no record has.
func DemoUserID(name string) string { return namedID("005", name) }

// DemoQueueID is the Group id of a demo queue by its short name: CustServ or Sales.
func DemoQueueID(name string) string { return namedID("00G", name) }
