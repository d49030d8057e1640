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
// that the gateway acts as. Any other name of up to ten letters gives an id that no record has.
func DemoUserID(name string) string { return namedID("005", name) }

// DemoQueueID is the Group id of a demo queue by its short name: CustServ or Sales.
func DemoQueueID(name string) string { return namedID("00G", name) }

// Demo is the contents of the demo org. Who calls:
//
//	+358400000001  one Contact, Aino Virtanen of Nordic Timber: SLA Platinum, her most recent open Case is anna's
//	+358400000002  three Contacts and one Account
//	+358400000003  nobody
//	+358400000004  one Lead, Sara Lindholm
func Demo() *Contents {
	records := demoCustomers()
	records["User"] = demoUsers()
	records["Group"] = []map[string]any{
		{"Id": DemoQueueID("CustServ"), "Name": "Customer Service EN", "DeveloperName": "Customer_Service_EN", "Type": "Queue"},
		{"Id": DemoQueueID("Sales"), "Name": "Sales", "DeveloperName": "Sales", "Type": "Queue"},
	}
	return &Contents{Records: records}
}

func demoUsers() []map[string]any {
	user := func(name, first, last, title, extension string) map[string]any {
		return map[string]any{
			"Id": DemoUserID(name), "Username": name + "@cordboard.demo", "Email": name + "@cordboard.demo", "Alias": name,
			"FirstName": first, "LastName": last, "Title": title, "Extension": extension,
		}
	}
	return []map[string]any{
		user("gateway", "Cordboard", "Gateway", "Integration user", ""),
		user("anna", "Anna", "Korhonen", "Agent", "1001"),
		user("bo", "Bo", "Nyman", "Agent", "1002"),
		user("carl", "Carl", "Berg", "Agent", "1003"),
		user("dina", "Dina", "Laine", "Agent", "1004"),
		user("sue", "Sue", "Miller", "Supervisor", "1009"),
	}
}

func demoCustomers() map[string][]map[string]any {
	account := func(name string) string { return namedID("001", name) }
	contact := func(name string) string { return namedID("003", name) }
	return map[string][]map[string]any{
		"Account": {
			{"Id": account("timber"), "Name": "Nordic Timber Oy", "Phone": "+358 9 4245 1000", "SLA__c": "Platinum", "CustomerPriority__c": "High", "Industry": "Agriculture", "OwnerId": DemoUserID("sue")},
			{"Id": account("harbour"), "Name": "Harbour Lights Hotel", "Phone": "+358 40 000 0002", "SLA__c": "Silver", "OwnerId": DemoUserID("bo")},
		},
		"Contact": {
			{"Id": contact("aino"), "FirstName": "Aino", "LastName": "Virtanen", "AccountId": account("timber"), "Title": "Purchasing Manager", "MobilePhone": "+358 40 000 0001", "Email": "aino@timber.example", "Level__c": "VIP", "Languages__c": "English", "OwnerId": DemoUserID("anna")},
			{"Id": contact("peter"), "FirstName": "Peter", "LastName": "Holm", "AccountId": account("harbour"), "Title": "Manager", "Phone": "+358 40 000 0002", "Email": "peter@harbour.example", "OwnerId": DemoUserID("bo")},
			{"Id": contact("liisa"), "FirstName": "Liisa", "LastName": "Aalto", "AccountId": account("harbour"), "Title": "Reception", "Phone": "+358400000002", "Languages__c": "Finnish", "OwnerId": DemoUserID("bo")},
			{"Id": contact("tom"), "FirstName": "Tom", "LastName": "Reid", "AccountId": account("harbour"), "Title": "Kitchen", "MobilePhone": "+358-40-0000002", "OwnerId": DemoUserID("carl")},
		},
		"Lead": {
			{"Id": namedID("00Q", "sara"), "FirstName": "Sara", "LastName": "Lindholm", "Company": "Lindholm Design", "MobilePhone": "+358 40 000 0004", "Status": "Open - Not Contacted", "OwnerId": DemoUserID("carl")},
		},
		"Case": {
			{"Id": namedID("500", "delivery"), "Subject": "Delivery date of order 7741", "ContactId": contact("aino"), "Status": "Closed", "Origin": "Email", "OwnerId": DemoUserID("bo"), "CreatedDate": "2026-01-12T09:30:00.000+0000", "LastModifiedDate": "2026-01-13T11:05:00.000+0000"},
			{"Id": namedID("500", "invoice"), "Subject": "Invoice shows the wrong address", "ContactId": contact("aino"), "Status": "On Hold", "Origin": "Phone", "OwnerId": DemoUserID("carl"), "CreatedDate": "2026-02-02T08:00:00.000+0000", "LastModifiedDate": "2026-02-02T08:10:00.000+0000"},
			{"Id": namedID("500", "planks"), "Subject": "Cracked planks in the last batch", "ContactId": contact("aino"), "Status": "Working", "Priority": "High", "Origin": "Phone", "OwnerId": DemoUserID("anna"), "CreatedDate": "2026-02-10T13:45:00.000+0000", "LastModifiedDate": "2026-02-11T09:20:00.000+0000"},
			{"Id": namedID("500", "booking"), "Subject": "Group booking in May", "ContactId": contact("peter"), "Status": "New", "Origin": "Web", "OwnerId": DemoQueueID("Sales"), "CreatedDate": "2026-02-09T10:00:00.000+0000", "LastModifiedDate": "2026-02-09T10:00:00.000+0000"},
		},
	}
}
