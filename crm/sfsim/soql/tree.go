package soql

// Query is one SELECT statement.
type Query struct {
	Select  []Selected
	From    string
	FromAt  int // position of the object's name
	Where   Cond
	GroupBy []Path
	OrderBy []Order
	Limit   int // negative: none
	Offset  int
	Text    string // as it was written
}

// Selected is one item of a SELECT list: a field, a field of a parent, or a function of one.
type Selected struct {
	Path     Path
	Function string // upper case: COUNT, COUNT_DISTINCT, MIN, MAX, SUM, AVG, FIELDS; empty: the field itself
	Alias    string
}

// Path names a field, through parents where it has several names: Account.Owner.Name.
type Path struct {
	Names []string
	At    int // byte offset in the query
}

// Order is one item of ORDER BY.
type Order struct {
	Path       Path
	Function   string
	Descending bool
	NullsLast  bool // default: nulls first
}

// Cond is a condition: And, Or, Not or Compare.
type Cond interface{ cond() }

// And holds when all its parts hold.
type And struct{ Parts []Cond }

// Or holds when one of its parts holds.
type Or struct{ Parts []Cond }

// Not holds when its part does not.
type Not struct{ Part Cond }

// Compare holds a field against a value, or several of them for IN and NOT IN.
type Compare struct {
	Path   Path
	Op     Op
	Values []Value
	In     *Query // IN (SELECT …)
}

func (And) cond()     {}
func (Or) cond()      {}
func (Not) cond()     {}
func (Compare) cond() {}

// Op is a comparison.
type Op string

// The comparisons.
const (
	Equal        Op = "="
	Unequal      Op = "!="
	Less         Op = "<"
	Greater      Op = ">"
	LessEqual    Op = "<="
	GreaterEqual Op = ">="
	Like         Op = "LIKE"
	In           Op = "IN"
	NotIn        Op = "NOT IN"
)

// Kind of a literal.
type Kind int

// The kinds. A date literal is a word such as TODAY, or a word and a number such as LAST_N_DAYS:7.
const (
	Null Kind = iota
	String
	Number
	Bool
	Date
	DateTime
	DateLiteral
)

// Value is a literal.
type Value struct {
	Kind   Kind
	Text   string // String: unescaped; Number, Date, DateTime: as written; DateLiteral: the word in upper case
	Number float64
	Bool   bool
	N      int // DateLiteral: the number after the colon
}

// Search is one FIND statement.
type Search struct {
	Find      Term
	Group     string // ALL, NAME, EMAIL, PHONE or SIDEBAR
	Returning []Returning
	Limit     int // negative: none
}

// Returning says what a search gives back of one object.
type Returning struct {
	Object string
	At     int
	Query  Query // Select (empty: ids only), Where, OrderBy, Limit, Offset
}

// Term is what is searched for: Every, Any, Without or Phrase.
type Term interface{ term() }

// Every holds when all its parts are found.
type Every struct{ Parts []Term }

// Any holds when one of its parts is found.
type Any struct{ Parts []Term }

// Without holds when Found is found and Absent is not.
type Without struct{ Found, Absent Term }

// Phrase is one word, or several in quotes. * stands for any characters, ? for one; escaped characters are literal.
type Phrase struct {
	Words  []Word
	Quoted bool
}

// Word is a run of characters without spaces.
type Word []Char

// Char is a character or a wildcard.
type Char struct {
	Rune rune
	Wild bool // Rune is * or ?, not escaped
}

func (Every) term()   {}
func (Any) term()     {}
func (Without) term() {}
func (Phrase) term()  {}

// Error is a fault in a query, worded as Salesforce does: the query, a mark under the place, row and column.
type Error struct {
	Code    string // MALFORMED_QUERY or MALFORMED_SEARCH
	Message string
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }
