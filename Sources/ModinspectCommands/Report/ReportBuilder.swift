import Checkpoints
import Evaluation
import Modularity
import Networks
import Pages
import Plots
import Scoring
import Text

/// Makes the page of a report, part by part. A part that fails becomes the sentence that says why.
final class ReportBuilder {
    let options: ReportCommand
    let checkpoint: Checkpoint
    let catalog: LayerCatalog
    let given: ClusterFile?
    let commands: ReportCommandLines
    let sha256: String?
    let base: BaseSource?
    /// What could not be done, in the order of the page.
    private(set) var problems: [Problem] = []
    /// What the page says first, a sentence for each part.
    var summary: [[PageText]] = []
    /// The permutations of the null model; nil before there is a score.
    var nullCount: Int?
    private var loaded: Result<LoadedModel, any Error>?

    init(_ options: ReportCommand, _ checkpoint: Checkpoint, given: ClusterFile?) throws {
        self.options = options
        self.checkpoint = checkpoint
        self.given = given
        catalog = LayerCatalog(checkpoint)
        commands = ReportCommandLines(options)
        sha256 = options.source.sha256(of: checkpoint, options.output)
        base = options.source.base(of: checkpoint, options.output)
    }

    var path: String { checkpoint.path }
    var seed: UInt64 { options.computation.seed }
    var threads: Int { options.computation.threadCount }
    var diagnostics: Diagnostics { options.output.diagnostics }

    /// The model to run, built when it is first needed.
    func model() throws -> LoadedModel {
        let data = options.data.map { options.samples.source($0, seed: seed) }
        let result =
            loaded
            ?? Result {
                try LoadedModel(
                    checkpoint, architecture: options.architecture.architecture, catalog: catalog, samples: { data?.sampleShape })
            }
        if loaded == nil, case .success(let model) = result { diagnostics.describe(model) }
        loaded = result
        return try result.get()
    }

    /// The checkpoint as results of runs name it.
    func source(_ model: LoadedModel) -> CheckpointSource { CheckpointSource(model, sha256: sha256, base: base) }

    /// The pictures of a result, drawn from its JSON as `plot` does it from a file.
    func figures(of report: some Encodable) throws -> [PlotFigure] {
        let bytes = try ReportEncoder.bytes(of: report, isIndented: false)
        return PlottedResult.figures(of: [try PlottedResult(bytes, path: "the result")])
    }

    /// What `body` returns, with a bar while it runs.
    func working<Value>(_ label: String, _ body: (@escaping @Sendable (Double) -> Void) throws -> Value) throws -> Value {
        let progress = options.output.progressBar(label, total: 1000, unit: "")
        defer { progress.finish() }
        return try diagnostics.timing("\(path): \(label)") { try body { progress.set(fraction: $0) } }
    }

    /// The blocks of a part, or the reason why there are none.
    ///
    /// - Parameter what: what is missing then, as the subject of a sentence: `The score`.
    func attempt(_ what: String, _ body: () throws -> [PageBlock]) throws -> [PageBlock] {
        do {
            return try body()
        } catch {
            var problem = Problem(error)
            if problem.isOfOutput { throw error }
            problem = problem.at(path: path)
            problems.append(problem)
            return [.notice([.plain("\(what) is missing: "), .name(OptionNames.line(of: problem)), "."])]
        }
    }

    func page() throws -> Page {
        var sections = [PageSection(id: "model", title: "What the model is", blocks: try modelBlocks())]
        let scores = try scoreBlocks()
        sections.append(PageSection(id: "modularity", title: "How modular it is", blocks: scores.modularity))
        if let blocks = scores.weights { sections.append(PageSection(id: "weights", title: "The weights by cluster", blocks: blocks)) }
        if let blocks = scores.sweep { sections.append(PageSection(id: "sweep", title: "Other numbers of clusters", blocks: blocks)) }
        if let data = options.data {
            sections.append(
                PageSection(id: "accuracy", title: "How well it answers", blocks: try attempt("The evaluation") { try evaluation(data) }))
            sections.append(
                PageSection(
                    id: "ablation", title: "Without each cluster, and with each alone",
                    blocks: try attempt("The ablation") { try ablation(data, scores.clusters) }))
        }
        if let pairs = options.pairs {
            sections.append(
                PageSection(id: "circuit", title: "The circuit of a behaviour", blocks: try attempt("The circuit") { try circuit(pairs) }))
        }
        if let other = options.other {
            sections.append(
                PageSection(
                    id: "comparison", title: "Compared with another checkpoint",
                    blocks: try attempt("The comparison") { try comparison(other) }))
        }
        sections.append(PageSection(id: "repeat", title: "How to repeat it", blocks: repetition))
        sections.insert(PageSection(id: "summary", title: "In short", blocks: [.list(summary)]), at: 0)
        let name = Self.name(ofPath: path)
        return Page(
            title: "\(name): model report", heading: ["Model report: ", .name(name)], lead: lead, sections: sections,
            footer: [
                "Written by ", .code("modinspect report"),
                .plain(", version \(modinspectVersion). The page has no script and loads nothing."),
            ],
            generator: "modinspect \(modinspectVersion)")
    }

    private var lead: [PageBlock] {
        var facts: [(name: String, text: [PageText])] = [("checkpoint", [.name(path)])]
        facts.append(("SHA-256", [sha256.map { .code($0) } ?? "not computed"]))
        if let base { facts.append(("base model", [.name(base.path)] + (base.sha256.map { [", SHA-256 ", .code($0)] } ?? []))) }
        facts.append(("modinspect", [.plain("version \(modinspectVersion), seed \(seed)")]))
        return [.facts(facts)]
    }

    private var repetition: [PageBlock] {
        var blocks: [PageBlock] = [
            .paragraph([
                "The command under each figure writes it again; with ", .code("--format json"),
                " it writes the numbers with all their digits. The same checkpoint, seed and version give the same numbers, for any number of ",
                "threads. This page:",
            ]),
            .commands([commands.report(null: nullCount)]),
        ]
        if path == "-" {
            blocks.append(.paragraph(["The checkpoint came on standard input, from which each command reads it again."]))
        }
        return blocks
    }

    /// As wide as the text of the page.
    static let figureWidth = 776.0

    /// The last component of a path that is not empty.
    static func name(ofPath path: String) -> String {
        path == "-" ? "standard input" : path.split(separator: "/").last.map(String.init) ?? path
    }
}
