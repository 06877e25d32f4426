import Foundation
import TestSupport
import Testing

/// Everything that documents refer to exists: pages, files, headings, versions.
@Suite struct ReferenceTests {
    private static let guides = [
        "README.md", "CHANGELOG.md", "Sources/README.md", "Tests/README.md", "Tests/Benchmarks/README.md", "fixtures/README.md",
    ]

    private static let pages = Document.paths.filter { $0.hasPrefix("man/") }

    private static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: Document.root + "/" + path) }

    @Test func everyPageOfTheManualIsTested() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Document.root + "/man").filter { $0 != "pictures" }
        #expect(Set(files.map { "man/" + $0 }) == Set(Self.pages))
    }

    @Test func everyScriptOfTheFixturesIsListed() throws {
        let lines = try Document("Tests/README.md").lines
        for script in try FileManager.default.contentsOfDirectory(atPath: Document.root + "/fixtures") where script.hasSuffix(".py") {
            #expect(lines.contains { $0.hasPrefix("| `") && $0.contains(script) }, "\(script)")
        }
    }

    @Test func theReadmeHasAtMost200Lines() throws {
        #expect(try Document("README.md").lines.count <= 200)
    }

    @Test(arguments: pages) func titlesAreThoseOfTheFiles(path: String) throws {
        let file = path.dropFirst("man/".count).split(separator: ".")
        #expect(try Document(path).lines.contains(".Dt \(file[0].uppercased()) \(file[1])"))
    }

    @Test(arguments: pages) func crossReferencesResolve(path: String) throws {
        for (name, section) in try Document(path).crossReferences where name.hasPrefix("modinspect") {
            #expect(Self.exists("man/\(name).\(section)"), "\(path): \(name)(\(section))")
        }
    }

    @Test func theMainPageRefersToEveryOther() throws {
        let lines = try Document("man/modinspect.1").lines
        let start = try #require(lines.firstIndex(of: ".Sh SEE ALSO"))
        let listed = Document.crossReferences(lines[start...]).map { "man/\($0.name).\($0.section)" }
        #expect(Set(listed) == Set(Self.pages).subtracting(["man/modinspect.1"]))
    }

    @Test(arguments: pages) func pagesReferBackToTheMainOne(path: String) throws {
        guard path != "man/modinspect.1" else { return }
        #expect(try Document(path).crossReferences.contains { $0 == ("modinspect", "1") })
    }

    private static let hasMan = Example.isInstalled("man") && Example.isInstalled("groff")

    @Test(.enabled(if: hasMan, "needs man and groff"), arguments: pages) func pagesAreFormattedWithoutWarnings(path: String) throws {
        let result = try BuiltCommand.shell("LC_ALL=C.UTF-8 MANWIDTH=80 man -l --warnings \"$1\"", Document.root + "/" + path)
        #expect(result.status == 0 && result.errors.isEmpty, "\(path): \(result.errors)")
    }

    @Test(arguments: guides) func linksResolve(path: String) throws {
        let document = try Document(path)
        for link in document.links where !link.contains("://") {
            let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let target = parts[0].isEmpty ? path : Document.resolve(parts[0], from: path)
            #expect(Self.exists(target), "\(path): \(link)")
            if parts.count > 1, target.hasSuffix(".md") {
                #expect(try Document(target).anchors.contains(parts[1]), "\(path): \(link)")
            }
        }
    }

    /// File names are between backquotes. They are relative to the root, to the guide's own folder, or to `fixtures`.
    @Test(arguments: ["Sources/README.md", "Tests/README.md"]) func filesThatGuidesNameExist(path: String) throws {
        let names = try Document(path).namedFiles
        #expect(names.count > 10)
        let folder = path.split(separator: "/").dropLast().joined(separator: "/")
        for name in names {
            let places = [name, "\(folder)/\(name)", "fixtures/\(name)", "fixtures/expected/\(name)"]
            #expect(places.contains(where: Self.exists), "\(path): \(name)")
        }
    }

    @Test(arguments: guides + pages) func noDocumentNamesAMachine(path: String) throws {
        for line in try Document(path).lines {
            for word in ["/work/", "/home/", "/root/", "localhost"] { #expect(!line.contains(word), "\(path): \(line)") }
        }
    }

    @Test func theReadmeInstallsEverySection() throws {
        let readme = try Document("README.md").lines.joined(separator: "\n")
        let sections = Set(Self.pages.compactMap(\.last)).sorted().map(String.init).joined(separator: " ")
        #expect(readme.contains("for s in \(sections); do install -m 644 -D -t /usr/local/share/man/man$s man/*.$s; done"))
    }

    @Test func versionsAreThoseOfTheCommand() throws {
        let version = try BuiltCommand.run("--version").text.trimmingCharacters(in: .newlines)
        #expect(try Document("CITATION.cff").lines.contains("version: \(version)"))
        #expect(try Document("CHANGELOG.md").lines.contains { $0.hasPrefix("## [\(version)] - ") })
    }
}

extension Document {
    /// The pages to which a manual page refers with `.Xr`.
    var crossReferences: [(name: String, section: String)] { Self.crossReferences(lines[...]) }

    static func crossReferences(_ lines: ArraySlice<String>) -> [(name: String, section: String)] {
        lines.compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            guard let place = words.firstIndex(where: { $0 == ".Xr" || $0 == "Xr" }), place + 2 < words.count else { return nil }
            return (words[place + 1], words[place + 2])
        }
    }

    /// The targets of a guide's links, outside of code.
    var links: [String] {
        prose.flatMap { line in
            line.components(separatedBy: "](").dropFirst().compactMap { $0.split(separator: ")").first.map(String.init) }
        }
    }

    /// What links to a heading say: lower case, hyphens for spaces, no other punctuation.
    var anchors: [String] {
        prose.filter { $0.hasPrefix("#") }.map { line in
            let title = line.drop { $0 == "#" }.trimmingCharacters(in: .whitespaces).lowercased()
            return String(title.filter { $0.isLetter || $0.isNumber || $0 == " " || $0 == "-" }).replacingOccurrences(of: " ", with: "-")
        }
    }

    /// The names between backquotes that are file names: those with a file extension or a slash.
    var namedFiles: [String] {
        let endings = [".swift", ".py", ".md", ".json", ".npz", ".pt", ".safetensors", ".tsv"]
        return prose.flatMap { line in
            line.components(separatedBy: "`").enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
        }.compactMap { code in
            let name = String(code.prefix { $0 != " " })
            guard name.allSatisfy({ $0.isLetter || $0.isNumber || "./_+-".contains($0) }), !name.hasPrefix("/") else { return nil }
            return !name.hasPrefix("..") && (endings.contains(where: name.hasSuffix) || name.contains("/")) ? name : nil
        }
    }

    /// The lines outside of fenced code.
    private var prose: [String] {
        var isCode = false
        return lines.filter { line in
            if line.hasPrefix("```") { isCode.toggle() }
            return !isCode
        }
    }

    /// The path from the root of one that is relative to a document's folder.
    static func resolve(_ link: String, from path: String) -> String {
        var parts = path.split(separator: "/").dropLast().map(String.init)
        for part in link.split(separator: "/") {
            if part == ".." { parts.removeLast() } else if part != "." { parts.append(String(part)) }
        }
        return parts.joined(separator: "/")
    }
}
