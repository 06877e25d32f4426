import Pictures

/// A document of sections, written as one HTML file that needs nothing else.
package struct Page: Sendable {
    /// The name of the window.
    package var title: String
    package var heading: [PageText]
    /// What stands between the heading and the contents.
    package var lead: [PageBlock]
    package var sections: [PageSection]
    package var footer: [PageText]
    /// What wrote the page.
    package var generator: String

    package init(
        title: String, heading: [PageText], lead: [PageBlock] = [], sections: [PageSection] = [], footer: [PageText] = [], generator: String
    ) {
        self.title = title
        self.heading = heading
        self.lead = lead
        self.sections = sections
        self.footer = footer
        self.generator = generator
    }
}

/// A part of a page with a heading, which the contents link to.
package struct PageSection: Sendable {
    /// Lower-case letters and hyphens; each section has its own.
    package let id: String
    package var title: String
    package var blocks: [PageBlock]

    package init(id: String, title: String, blocks: [PageBlock] = []) {
        precondition(!id.isEmpty && id.allSatisfy { ("a"..."z").contains($0) || $0 == "-" }, "id '\(id)'")
        self.id = id
        self.title = title
        self.blocks = blocks
    }
}

/// What sections are made of, from top to bottom.
package indirect enum PageBlock: Sendable {
    case heading(String)
    case paragraph([PageText])
    case list([[PageText]])
    /// Names with what is said of them.
    case facts([(name: String, text: [PageText])])
    case table(PageTable)
    /// A table that is shown when it is asked for.
    case folded(PageTable)
    /// A table that readers sort.
    case sorted(PageSortedTable)
    case figure(PageFigure)
    /// Commands, one a line, that repeat what is shown.
    case commands([String])
    /// Something that the reader must not miss.
    case notice([PageText])
}

/// A picture with its number, the commands that draw it again, and the numbers behind it.
package struct PageFigure: Sendable {
    package var drawing: Drawing
    package var caption: [PageText]
    package var commands: [String]
    package var tables: [PageTable]

    package init(_ drawing: Drawing, caption: [PageText], commands: [String] = [], tables: [PageTable] = []) {
        self.drawing = drawing
        self.caption = caption
        self.commands = commands
        self.tables = tables
    }
}
