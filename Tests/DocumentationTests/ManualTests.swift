import Foundation
import Networks
import TestSupport
import Testing

@Suite struct ManualTests {
    private static let subcommands = [
        "info", "graph", "cluster", "score", "compare", "eval", "tokens", "record", "ablate", "patch", "circuit", "init", "finetune",
        "permute",
        "extract", "convert", "plot", "report", "audit",
    ]

    @Test func everySubcommandHasAPage() throws {
        let names = try #require(try CommandDescription.root().subcommands).map(\.commandName).filter { $0 != "help" }
        #expect(names == Self.subcommands)
        let page = try Document("man/modinspect.1").lines
        for name in names { #expect(page.contains(".It Xr modinspect-\(name) 1")) }
    }

    @Test(arguments: subcommands) func everyOptionIsInThePageAndNoOther(name: String) throws {
        let arguments = try #require(try CommandDescription.subcommand(name).arguments).filter { $0.kind != "positional" }
        let items = ManualOptions(try Document("man/modinspect-\(name).1")).items
        #expect(arguments.count > 5)
        #expect(Set(arguments.map { Set($0.flags) }) == Set(items.map { Set($0.flags) }))
        for argument in arguments {
            let item = try #require(items.first { Set($0.flags) == Set(argument.flags) }, "\(argument.flags)")
            if argument.kind == "option" {
                #expect(Set(item.values) == Set([argument.valueName].compactMap { $0 }), "\(argument.flags)")
            }
            for value in argument.allValues ?? [] { #expect(item.words.contains(value), "\(argument.flags): \(value)") }
            if let value = argument.defaultValue {
                #expect(item.words.contains("default") && item.words.contains(value), "\(argument.flags): the default \(value)")
            }
        }
    }

    @Test(arguments: subcommands) func everyArgumentIsInThePage(name: String) throws {
        let arguments = try #require(try CommandDescription.subcommand(name).arguments).filter { $0.kind == "positional" }
        let lines = try Document("man/modinspect-\(name).1").lines
        #expect(!arguments.isEmpty)
        for argument in arguments { #expect(lines.contains(".It Ar \(argument.valueName ?? "")")) }
    }

    @Test(arguments: [""] + subcommands) func helpFitsATerminalOf80Columns(name: String) throws {
        let help = try BuiltCommand.shell("COLUMNS=80 \"$M\" \(name) --help")
        #expect(help.status == 0)
        for line in help.text.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
    }

    /// Five columns before, as mandoc and groff indent a page. What a command writes fills a terminal by itself; where the tour shows it,
    /// it may reach that far.
    @Test(arguments: Document.paths.dropFirst()) func literalBlocksFitATerminalOf80Columns(path: String) throws {
        let outputs = path.hasSuffix("tour.7") ? Set(try Document(path).examples.flatMap(\.output)) : []
        var isLiteral = false
        for line in try Document(path).lines {
            if line.hasPrefix(".Bd -literal") { isLiteral = true }
            if line == ".Ed" { isLiteral = false }
            let text = Document.plain(mdoc: line)
            if isLiteral { #expect(text.count <= (outputs.contains(text) ? 80 : 75), "\(line)") }
        }
    }
}
