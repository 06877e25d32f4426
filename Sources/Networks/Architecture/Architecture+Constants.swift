import Checkpoints
import Text

/// The element that names the tensors which a network in words has without having learned them: `constants(mask,angles)`. It makes no output, and
/// its place means nothing.
extension Architecture {
    private static let constantsName = "constants"

    /// Whether an element names constants; a module of that name is one.
    private static func namesConstants(_ element: Element, _ modules: ModuleNames) -> Bool {
        element.name == constantsName && element.label == nil && !element.settings.isEmpty
            && modules[constantsName]?.tensors.isEmpty ?? true
    }

    /// The tensors that the words name as constants, and the elements that are steps of the network.
    ///
    /// - Throws: ``Problem`` for a name that is no tensor.
    func withoutConstants(
        _ modules: ModuleNames, isTensor: (String) -> Bool
    ) throws(Problem) -> (constants: [String], steps: Architecture) {
        var constants: [String] = []
        for element in elements where Self.namesConstants(element, modules) {
            for setting in element.settings {
                guard setting.name == nil, isTensor(setting.value) else {
                    throw Problem(
                        "names what is no tensor of the checkpoint", setting: .architecture, subject: "'\(element)'",
                        expected: "tensors that no training changes", found: "'\(setting)'")
                }
                constants.append(setting.value)
            }
        }
        guard !constants.isEmpty else { return ([], self) }
        return (constants, Architecture(elements.filter { !Self.namesConstants($0, modules) }))
    }

    /// The same words, which name constants too.
    func naming(constants: [String]) -> Architecture {
        guard !constants.isEmpty else { return self }
        return Architecture(elements + [Element(Self.constantsName, constants.map { Setting(nil, $0) })])
    }
}
